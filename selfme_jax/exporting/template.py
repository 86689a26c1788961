"""Text from the templates of this folder."""


def render(name: str, **values: object) -> str:
    """The template of that file name, filled in; a value that lacks is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("selfme_jax.exporting", package_path="."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(**values)
