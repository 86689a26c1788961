# shellcheck shell=bash
# Sourced by the scripts of pods from the top of the checkout, with setup.sh.
#   parse "KEYS" ARGUMENT...   sets the variables of the options and the array $arguments
#   quote WORD...              the words in one line, as a shell reads them
#   run COMMAND...             prints a command; runs it unless --dry_run
#   require PREFIX KEY...      ends where a variable is empty
#   choose_module              splits $arguments into $module and what is for it
#   check_workdir              ends where what is written to is one machine's own
#   whole KEY                  ends where a variable is no number from 1 up

# What may run in a pod: modules whose start() calls cli.run(..., pod=True).
pod_modules="main tables predict"

# KEYS: 'name=' for --name=VALUE, 'spot' for --spot. --dry_run is always known; what
# follows -- goes to selfme_jax.
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
    esac || fail "unknown argument '$word'. Known: $(known "$keys"); what is for selfme_jax follows --."
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

# The first word names the module, if it is no flag; else it is main.
# shellcheck disable=SC2034  # module is for the script
choose_module() {
  module=main
  set -- ${arguments[@]+"${arguments[@]}"}
  if (($#)) && [[ $1 != -* ]]; then
    module=$1
    shift
  fi
  [[ $module != *' '* && " $pod_modules " == *" $module "* ]] \
    || fail "'$module' does not run in a pod: give one of ${pod_modules// /, }, or flags for main."
  arguments=("$@")
}

check_workdir() {
  local word workdir='' flag=--workdir
  [[ $module != predict ]] || flag=--output
  for word in ${arguments[@]+"${arguments[@]}"}; do
    case $word in "$flag"=*) workdir=${word#*=} ;; esac
  done
  [[ $workdir == gs://* || $workdir == /* ]] \
    || fail "$flag=$workdir: all workers must see it. Give -- ... $flag=gs://BUCKET/DIR, or a shared folder by its full path."
}

whole() {
  [[ ${!1} =~ ^[1-9][0-9]{0,5}$ ]] || fail "--$1=${!1}: give a number from 1 up."
}
