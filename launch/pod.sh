# shellcheck shell=bash
# Sourced by the scripts of pods from the top of the checkout, with setup.sh.
#   parse "KEYS" ARGUMENT...   sets the variables of the options and the array $arguments
#   quote WORD...              the words in one line, as a shell reads them
#   run COMMAND...             prints a command; runs it unless --dry_run
#   require PREFIX KEY...      ends where a variable is empty

# KEYS: 'name=' for --name=VALUE, 'spot' for --spot. --dry_run is always known; what
# follows -- goes to selfme_jax.main.
# shellcheck disable=SC2034  # arguments is for the script
parse() {
  local keys=" $1 dry_run " word key
  shift
  arguments=()
  dry_run=
  while (($#)); do
    word=$1
    shift
    key=${word#--}
    case $word in
      --) arguments=("$@") && return ;;
      --*=*) [[ $keys == *" ${key%%=*}= "* ]] && printf -v "${key%%=*}" %s "${key#*=}" ;;
      --*) [[ $keys == *" $key "* ]] && printf -v "$key" 1 ;;
      *) false ;;
    esac || fail "unknown argument '$word'. Known: $(known "$keys"); what is for selfme_jax.main follows --."
  done
}

known() {
  local key list=
  for key in $1; do list+=" --$key"; done
  echo "${list# }"
}

quote() {
  local word line=
  for word; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+=" $word"
  done
  echo "${line# }"
}

run() {
  echo "+ $(quote "$@")"
  [[ $dry_run ]] || "$@"
}

require() {
  local prefix=$1 key
  shift
  for key; do
    [[ ${!key} ]] || fail "--$key=... is missing; or set ${prefix}_$(tr '[:lower:]' '[:upper:]' <<<"$key")."
  done
}
