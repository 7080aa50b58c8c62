"""What a file's name says, decided in one place: hidden or not, a picture or not, good or not.

Every loader, `score`, `check-data`, `init-data`, the classroom and the bundle ask here, so that
none of them can pass over a file that another one counts.
"""

from __future__ import annotations

import io
import os
import unicodedata
from functools import lru_cache
from pathlib import PurePath

from promptad_tutorial.files.writing import write_table as write_table


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Left behind by Windows, macOS, network drives and editors; names that start with a dot besides.
_SYSTEM = _words(
    "thumbs.db ehthumbs.db desktop.ini $recycle.bin recycler @eadir #recycle @recycle "
    "#snapshot __macosx __pycache__ lost+found"
) | {"system volume information", "icon\r"}
# Pillow knows these by name but decodes them not at all, or by running another program.
_NOT_DECODED = _words("BUFR EPS FPX GRIB HDF5 IPTC MIC MPEG PDF WMF")
# Pictures that Pillow cannot read. Of a raw photograph it would silently read the small preview.
RAW = _words(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf "
    ".raw .rw2 .rwl .sr2 .srf .srw .x3f"
)
_OTHER_PICTURES = RAW | _words(
    ".ai .avif .avifs .bpg .cdr .czi .dcm .dicom .djvu .emf .eps .exr .flif .hdp .hdr .heic .heics "
    ".heif .heifs .hif .j2c .j2k .jbg .jbig .jls .jng .jp2 .jpf .jpm .jpx .jxl .jxr .jxs .kra .lif "
    ".nd2 .ora .pct .pic .pict .ps .svg .svgz .vsi .wdp .wmf .xcf"
)
GOOD_NAMES = _words(
    "good goods ok okay normal normals pass passed fine io i.o. gut non_defective non-defective "
    "nondefective defect_free defect-free defectfree no_defect no_defects no_anomaly"
)
BAD_NAMES = _words(
    "ng nok n.g. not_ok not-ok notok ko bad defect defects defective anomaly anomalies anomalous "
    "abnormal fail failed faulty nio n.i.o. reject rejects rejected scrap"
)
# marks that turn the direction of reading, so that `photo_gpj.exe` reads as another name
_TURN = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full width


def is_hidden(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder is the system's own and nobody's picture; its last name decides.

    >>> [is_hidden(n) for n in (".DS_Store", "._1.png", "Thumbs.db", "~$plan.xlsx", "a.png")]
    [True, True, True, True, False]
    """
    name = os.path.basename(os.fspath(path))
    return name.startswith((".", "~$")) or name.casefold() in _SYSTEM


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
    if suffix in readable_suffixes():
        return "picture"
    if suffix in _OTHER_PICTURES:
        return "unreadable"
    return _kind_by_content(path)


@lru_cache(maxsize=1)  # plug-ins do not change while a program runs
def readable_formats() -> tuple[str, ...]:
    """The formats that Pillow decodes by itself, HEIF included where pillow-heif is installed."""
    from PIL import Image  # here, so that the command line answers --help at once

    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
    except ImportError:
        pass
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _NOT_DECODED))


@lru_cache(maxsize=1)
def readable_suffixes() -> frozenset[str]:
    """The suffixes of `readable_formats`, in small letters and with their dot."""
    from PIL import Image

    known = readable_formats()
    found = {s for s, name in Image.registered_extensions().items() if name in known}
    return frozenset(found | {".dib", ".jfif", ".jfi", ".jif", ".btf", ".tf8"}) - RAW


def good_name(name: str) -> bool:
    """Whether a folder of this name holds good pictures: Good, OK, normal, ... in any case."""
    return _folded(name) in GOOD_NAMES


def bad_name(name: str) -> bool:
    """Whether a folder of this name says that its pictures are not good: NG, ko, defects, ..."""
    return _folded(name) in BAD_NAMES


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: macOS writes accents decomposed (NFD), Linux composed (NFC)."""
    return nfc(one) == nfc(other)


def nfc(name: str) -> str:
    """A name in Unicode's composed form, for comparing."""
    return unicodedata.normalize("NFC", name)


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


def _folded(name: str) -> str:
    return nfc(name).casefold().strip().replace(" ", "_")


def _kind_by_content(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except (OSError, ValueError):
        return "other"
    sound = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
    if start.startswith(sound) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP"):
        return "picture"
    if start[:2] == b"BM" and start[6:10] == b"\0\0\0\0":
        return "picture"
    brand = start[8:12] if start[4:8] == b"ftyp" else b""
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"hevc"):
        wanted = "AVIF" if brand == b"avif" else "HEIF"
        return "picture" if wanted in readable_formats() else "unreadable"
    jxl = start.startswith(b"\xff\x0a") or start[4:8] == b"JXL "
    return "unreadable" if jxl else "other"
