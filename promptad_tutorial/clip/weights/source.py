"""Where published weights come from, and whether they are here: asked of no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import yaml
from huggingface_hub import constants, try_to_load_from_cache

from promptad_tutorial.clip.weights.model_support import BackboneError

HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # open_clip's own
URL_CACHE = Path("~/.cache/clip")  # where open_clip keeps what has a plain address


@dataclass(frozen=True)
class Source:
    """The weights that open_clip knows under a tag of a model."""

    model: str
    tag: str
    repository: str = ""  # on the Hugging Face hub; "" if the plain address is to be used
    files: tuple[str, ...] = ()  # names there, the best first
    url: str = ""  # a plain address, "" if there is none
    sha256: str = ""  # of the file at that address: its first digits, as open_clip knows them
    warning: str = ""  # what is odd about open_clip's entry

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the file is fetched, the first that exists."""
        if self.repository:
            root = f"{constants.ENDPOINT}/{self.repository}/resolve/main"
            return tuple(f"{root}/{name}" for name in self.files)
        return (self.url,)

    @property
    def page(self) -> str:
        """The page to read about the weights."""
        if self.repository:
            return f"{constants.ENDPOINT}/{self.repository}"
        if "mlfoundations/open_clip" in self.url:
            return "https://github.com/mlfoundations/open_clip"
        return "https://github.com/openai/CLIP" if "openai" in self.url else self.url

    @property
    def hub_folder(self) -> Path:
        """The repository's folder in the hub's cache."""
        return Path(constants.HF_HUB_CACHE) / f"models--{self.repository.replace('/', '--')}"

    @property
    def url_file(self) -> Path:
        """Where the file of the plain address is kept."""
        return URL_CACHE.expanduser() / self.url.rpartition("/")[2]

    def here(self) -> tuple[Path, str] | None:
        """The file on this machine and the sha256 (or its start) that it must have, if known.

        Of what came from the hub the cache knows it: the file behind the link is named after it.
        """
        for name in self.files if self.repository else ():
            found = try_to_load_from_cache(self.repository, name)
            if isinstance(found, str):
                behind = Path(found).resolve().name
                return Path(found), behind if re.fullmatch("[0-9a-f]{64}", behind) else ""
        if self.url and self.url_file.is_file():
            return self.url_file, self.sha256
        return None

    def begun(self) -> tuple[Path, ...]:
        """What is here of downloads that broke off."""
        blobs = self.hub_folder / "blobs"
        endings = ("*.part", "*.incomplete") if self.repository else ()
        found = [path for ending in endings for path in blobs.glob(ending)]
        part = part_of(self.url_file)
        return tuple(sorted(found)) + ((part,) if self.url and part.is_file() else ())

    def licence(self) -> str:
        """What the card of the repository states, where the card is here; else where to read it."""
        card = try_to_load_from_cache(self.repository, "README.md") if self.repository else None
        if isinstance(card, str):
            stated = licence_of_card(Path(card).read_text(encoding="utf-8", errors="replace"))
            if stated:
                return f"{stated} (stated by the card of {self.repository})"
        return f"not stated here: read {self.page}"


def source_of(model: str, tag: str, config: dict[str, Any]) -> Source:
    """The source of an entry of open_clip's list, ``open_clip.get_pretrained_cfg(model, tag)``.

    The hub is preferred, as open_clip prefers it, unless its repository is named after another tag
    of the model: open_clip 3.3 fetches epoch 31 for ViT-B-16-plus-240 under the tag of epoch 32.
    """
    repository, _, name = config.get("hf_hub", "").rpartition("/")
    files: tuple[str, ...] = HUB_FILES
    if name:
        safe = re.sub(r"\.(bin|pth)$", ".safetensors", name)
        files = tuple(dict.fromkeys((safe, name)))
    url, warning = config.get("url", ""), ""
    other = _other_tag(model, tag, repository)
    if other:
        warning = f"open_clip's entry for {tag} names the repository of {other}, {repository}"
        warning += f"; the file is taken from {url} instead" if url else ""
        repository = "" if url else repository
    if not repository and not url:
        raise BackboneError(f"open_clip says no source for the tag {tag!r} of {model}.")
    return Source(model, tag, repository, files, url, _sha256_in(url), warning)


def tag_of_file(model: str, path: Path) -> str:
    """The tag that a file's name says, as in ViT-L-14.laion2b_s32b_b82k.safetensors; else "".

    A file of weights does not say how its pictures were normalised: the tag does.
    """
    words = _words(path.stem)
    tags = open_clip.list_pretrained_tags_by_model(model)
    known = [tag for tag in tags if f"_{_words(tag)}_" in f"_{words}_"]
    return max(known, key=len, default="")


def part_of(path: Path) -> Path:
    """Where a download is kept until it is whole."""
    return path.with_name(f"{path.name}.part")


def licence_of_card(text: str) -> str:
    """The licence in the first lines of a model card of the hub, "" if it states none."""
    found = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        values = yaml.safe_load(found.group(1)) if found else None
    except yaml.YAMLError:
        return ""
    stated = values.get("license") if isinstance(values, dict) else None
    if isinstance(stated, list):
        return ", ".join(map(str, stated))
    return str(stated) if stated else ""


def _other_tag(model: str, tag: str, repository: str) -> str:
    named = f"_{_words(repository)}_"
    if not repository or f"_{_words(tag)}_" in named:
        return ""
    tags = open_clip.list_pretrained_tags_by_model(model)
    others = (t for t in tags if _words(t) not in _words(tag))
    return next((t for t in others if f"_{_words(t)}_" in named), "")


def _sha256_in(url: str) -> str:
    """The checksum in an address, where open_clip too looks for it."""
    if "openaipublic" in url:
        return url.split("/")[-2]
    if "mlfoundations" in url:
        return re.sub(r"\.\w+$", "", url).rpartition("-")[2]
    return ""


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())
