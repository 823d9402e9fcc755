r"""How the lines of a text file lie in its bytes.

Layer: core. Pure. Lines end with ``\n`` or ``\r\n``; a lone ``\r`` is a character like others.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.errors import PipelineError

__all__ = ["TextFormat", "check_encoding"]

# What may stand at the begin of a file, and how the rest is then to be read.
_MARKS: Final[dict[str, tuple[tuple[bytes, str], ...]]] = {
    "utf-8-sig": ((codecs.BOM_UTF8, "utf-8"), (b"", "utf-8")),
    "utf-16": (
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
    ),
    "utf-32": (
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-32-le"),
    ),
}

# In these, what a byte means depends on bytes far before it, so no line can be read alone.
_WITH_MEMORY: Final = (
    "iso2022",
    "hz",
    "utf-7",
    "punycode",
    "idna",
    "unicode_escape",
    "raw_unicode",
)


def check_encoding(encoding: object) -> str:
    """Return the standard name of a text encoding whose lines can be read one by one.

    Raises:
        PipelineError: It is unknown, no encoding of text, or one with memory.
    """
    try:
        info = codecs.lookup(encoding) if isinstance(encoding, str) else None
    except (LookupError, ValueError):
        info = None
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name == "undefined":
        raise PipelineError(f"encoding={encoding!r} is no text encoding that Python knows.")
    if info.name.startswith(_WITH_MEMORY):
        raise PipelineError(
            f"encoding={encoding!r} cannot be read line by line: what its bytes mean depends on "
            "all bytes before them. Convert the file to UTF-8 first."
        )
    return info.name


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The lines of one file.

    Attributes:
        encoding: Decodes any run of whole lines.
        newline: The bytes of a line end.
        begin: Offset of the first line: behind a byte order mark.
    """

    encoding: str
    newline: bytes
    begin: int

    @classmethod
    def of(cls, encoding: str, head: bytes) -> TextFormat:
        r"""Return the format of a file.

        Args:
            encoding: As `check_encoding` returned it.
            head: The file's first 4 bytes; fewer if it has no more.

        Example:
            >>> TextFormat.of("utf-16", b"\\xff\\xfea\\x00")
            TextFormat(encoding='utf-16-le', newline=b'\\n\\x00', begin=2)
        """
        for mark, name in _MARKS.get(encoding, ((b"", encoding),)):
            if head.startswith(mark):
                return cls(name, "\n".encode(name), len(mark))
        raise AssertionError("every list of marks ends with the empty one")

    @property
    def width(self) -> int:
        """Number of bytes of a code unit; every line begins at a multiple of it."""
        return len(self.newline)

    def find_end(self, data: bytes, start: int = 0) -> int:
        """Return the offset behind the first line end in ``data[start:]``, or -1.

        Args:
            data: From the file, beginning at a multiple of `width`.
            start: A multiple of `width`.
        """
        at = data.find(self.newline, start)
        while at % self.width and at != -1:
            at = data.find(self.newline, at + 1)
        return -1 if at == -1 else at + self.width

    def split(self, data: bytes) -> list[bytes]:
        """Return the lines of *data* with their line ends; the last one may have none."""
        if self.width == 1:
            *whole, rest = data.split(self.newline)
            lines = [line + self.newline for line in whole]
            return [*lines, rest] if rest else lines
        lines, begin = [], 0
        while (end := self.find_end(data, begin)) != -1:
            lines.append(data[begin:end])
            begin = end
        if begin < len(data):
            lines.append(data[begin:])
        return lines

    def count(self, data: bytes) -> int:
        """Return the number of line ends in *data*."""
        if self.width == 1:
            return data.count(self.newline)
        count = end = 0
        while (end := self.find_end(data, end)) != -1:
            count += 1
        return count

    def decode(self, data: bytes) -> list[str]:
        """Return the text of the lines of *data*, without their line ends.

        Raises:
            UnicodeDecodeError: Some line has other bytes.
        """
        text = data.decode(self.encoding)
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        # Behind the last line end begins no line.
        if not lines[-1]:
            lines.pop()
        return lines

    def skip(self, data: bytes, lines: int) -> int:
        """Return how many bytes the first *lines* lines of *data* take."""
        if self.width == 1:
            pieces = data.split(self.newline, lines)
            return len(data) - (len(pieces[-1]) if len(pieces) > lines else 0)
        end = 0
        for _ in range(lines):
            end = self.find_end(data, end)
            if end == -1:
                return len(data)
        return end
