"""Reads a report's page strictly: is it well-formed, what stands in its tables, what would it load."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Page(HTMLParser):
    """What a page consists of. ``open`` is what was never closed; ``rows`` are the cells of all tables."""

    open: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data
        if data.strip() and (not self.open or self.open[-1] != "style"):
            self.texts.append(data.strip())

    def cells(self, title: str) -> list[list[str]]:
        """The cells of every row of that title."""
        return [row[1:] for row in self.rows if row and row[0] == title]


def read(html: str) -> Page:
    """Parse a page."""
    page = Page()
    page.feed(html)
    page.close()
    return page


def loads(html: str) -> list[str]:
    """Everything in it that would make a browser ask for something else or run something."""
    page = read(html)
    found = [
        tag for tag in page.tags if tag in {"script", "iframe", "object", "embed", "link", "base", "form"}
    ]
    found += [
        f"{name}={value}" for name, value in page.attributes if name in {"src", "href", "action", "srcset"}
    ]
    found += [
        f"{name}={value}" for name, value in page.attributes if name.startswith("on") or name == "style"
    ]
    found += re.findall(r"https?://\S+|url\([^)]*\)|@import", html)
    return found
