"""The README as the first page of the site: the same text, links as seen from docs/."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add index.md."""
    readme = Path(config.config_file_path).with_name("README.md")
    text = readme.read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "index.md", content=text))
    return files


def on_page_markdown(markdown: str, **rest: object) -> str:
    """Links to the README are to that page."""
    del rest
    return markdown.replace("](../README.md", "](index.md")
