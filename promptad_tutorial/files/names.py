"""What a file's name says, decided in one place: hidden or not, a picture or not, good or not.

Every loader, `score`, `check-data`, `init-data`, the classroom and the bundle ask here, so that
none of them can pass over a file that another one counts.
"""

from __future__ import annotations

import io
import os
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import PurePath

# marks that turn the direction of reading, so that `photo_gpj.exe` reads as another name
_TURN = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full width


@cache
def _words(kind: str) -> frozenset[str]:
    """One of the lists in names.yaml."""
    import yaml  # here, so that the command line answers --help at once

    text = files(__package__).joinpath("names.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text)[kind])


def is_hidden(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder is the system's own and nobody's picture; its last name decides.

    >>> [is_hidden(n) for n in (".DS_Store", "._1.png", "Thumbs.db", "~$plan.xlsx", "a.png")]
    [True, True, True, True, False]
    """
    name = os.path.basename(os.fspath(path))
    return name.startswith((".", "~$")) or name.casefold() in _words("hidden")


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Whether it is called as a camera's raw photograph."""
    return PurePath(path).suffix.casefold() in _words("raw")


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether this is a visible file that Pillow can read, by its suffix or else by its content."""
    return kind_of(path) == "picture"


def kind_of(path: str | os.PathLike[str]) -> str:
    """ "hidden", "picture", "unreadable" or "other".

    "unreadable" is what people call a picture and Pillow cannot open here, as .heic without
    pillow-heif: it must never be passed over in silence. A file whose suffix says nothing is
    looked at: the first bytes of `photo.jpg_large` are those of a JPEG.
    """
    if is_hidden(path):
        return "hidden"
    suffix = PurePath(path).suffix.casefold()
    if suffix in _readable_suffixes():
        return "picture"
    if suffix in _words("raw") | _words("other_pictures"):
        return "unreadable"
    return _kind_by_content(path)


@cache  # plug-ins do not change while a program runs
def readable_formats() -> tuple[str, ...]:
    """The formats that Pillow decodes by itself, HEIF included where pillow-heif is installed."""
    from PIL import Image

    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
    except ImportError:
        pass
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _words("not_decoded")))


@cache
def _readable_suffixes() -> frozenset[str]:
    from PIL import Image

    known = readable_formats()
    found = {s for s, name in Image.registered_extensions().items() if name in known}
    return _words("read_too").union(found) - _words("raw")


def good_name(name: str) -> bool:
    """Whether a folder of this name holds good pictures: Good, OK, normal, ... in any case."""
    return folded(name).strip().replace(" ", "_") in _words("good")


def bad_name(name: str) -> bool:
    """Whether a folder of this name says that its pictures are not good: NG, ko, defects, ..."""
    return folded(name).strip().replace(" ", "_") in _words("bad")


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: macOS writes accents decomposed (NFD), Linux composed (NFC)."""
    return nfc(one) == nfc(other)


def nfc(name: str) -> str:
    """A name in Unicode's composed form, for comparing."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """`nfc`, without regard to case."""
    return nfc(name).casefold()


def printable(text: str, encoding: str | None = "utf-8") -> str:
    r"""Any name in one line that can be printed and written in `encoding`.

    Bytes that are no text, control characters and marks that turn the direction of reading
    become escapes: `caf\xe9.jpg`. What is printable stays as it is.
    """
    shown = "".join(_shown(c) for c in text)
    try:
        return shown.encode(encoding or "ascii", "backslashreplace").decode(encoding or "ascii")
    except LookupError:
        return shown.encode("ascii", "backslashreplace").decode("ascii")


def cell(text: str) -> str:
    """`printable` text for one cell of a table: a spreadsheet must not take it for a formula."""
    shown = printable(text)
    if not shown.startswith(_FORMULA):
        return shown
    try:
        float(shown)
    except ValueError:
        return f"'{shown}"
    return shown


def say(text: str, stream: io.TextIOBase) -> None:
    """Write `text` and a line end to a stream of whatever encoding: no name can make it fail."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    lines = (printable(line, encoding) for line in text.split("\n"))
    stream.write("\n".join(lines) + "\n")


def _shown(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte of a name that is not in the system's encoding
        return f"\\x{ord(c) - 0xDC00:02x}"
    if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _TURN:
        return c.encode("ascii", "backslashreplace").decode() if ord(c) > 127 else repr(c)[1:-1]
    return c


def _kind_by_content(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except (OSError, ValueError):
        return "other"
    sound = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    bmp = start[:2] == b"BM" and start[6:10] == b"\0\0\0\0"
    if start.startswith(sound) or webp or bmp:
        return "picture"
    brand = start[8:12] if start[4:8] == b"ftyp" else b""
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"hevc"):
        wanted = "AVIF" if brand == b"avif" else "HEIF"
        return "picture" if wanted in readable_formats() else "unreadable"
    jxl = start.startswith(b"\xff\x0a") or start[4:8] == b"JXL "
    return "unreadable" if jxl else "other"
