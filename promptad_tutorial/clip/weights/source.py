"""Where published weights come from, and whether they are here: asked of no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
from huggingface_hub import constants, metadata_load, try_to_load_from_cache

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.files.download import part_of

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
        if not self.repository:
            return (self.url,)
        return tuple(f"{self.page}/resolve/main/{name}" for name in self.files)

    @property
    def page(self) -> str:
        """The page to read about the weights."""
        if self.repository:
            return f"{constants.ENDPOINT}/{self.repository}"
        if "mlfoundations/open_clip" in self.url:
            return "https://github.com/mlfoundations/open_clip"
        return "https://github.com/openai/CLIP" if "openai" in self.url else self.url

    @property
    def blobs(self) -> Path:
        """Where the hub's cache keeps the repository's files, each named after its sha256."""
        folder = f"models--{self.repository.replace('/', '--')}"
        return Path(constants.HF_HUB_CACHE) / folder / "blobs"

    @property
    def url_file(self) -> Path:
        """Where the file of the plain address is kept."""
        return URL_CACHE.expanduser() / self.url.rpartition("/")[2]

    def here(self) -> tuple[Path, str] | None:
        """The file on this machine and the sha256 (or its start) that it must have, if known."""
        for name in self.files if self.repository else ():
            found = try_to_load_from_cache(self.repository, name)
            if isinstance(found, str):
                blob = Path(found).resolve().name
                return Path(found), blob if re.fullmatch("[0-9a-f]{64}", blob) else ""
        if self.url and self.url_file.is_file():
            return self.url_file, self.sha256
        return None

    def begun(self) -> tuple[Path, ...]:
        """What is here of downloads that broke off."""
        found = [*self.blobs.glob("*.part"), *self.blobs.glob("*.incomplete")]
        found = sorted(found) if self.repository else []
        part = part_of(self.url_file)
        return (*found, part) if self.url and part.is_file() else tuple(found)

    def licence(self) -> str:
        """What the card of the repository states, where the card is here; else where to read it."""
        card = try_to_load_from_cache(self.repository, "README.md") if self.repository else None
        stated = licence_of_card(Path(card)) if isinstance(card, str) else ""
        if stated:
            return f"{stated} (stated by the card of {self.repository})"
        return f"not stated here: read {self.page}"


def source_of(model: str, tag: str, config: dict[str, Any]) -> Source:
    """The source of an entry of open_clip's list, ``open_clip.get_pretrained_cfg(model, tag)``.

    The hub is preferred, as open_clip prefers it, unless its repository is named after another tag
    of the model: open_clip 3.3 fetches epoch 31 for ViT-B-16-plus-240 under the tag of epoch 32.
    """
    repository, _, name = config.get("hf_hub", "").rpartition("/")
    safe = re.sub(r"\.(bin|pth)$", ".safetensors", name)
    files = tuple(dict.fromkeys((safe, name))) if name else HUB_FILES
    url, warning = config.get("url", ""), ""
    other = "" if _says(repository, tag) else tag_in(repository, model)
    if other and _words(other) not in _words(tag):
        warning = f"open_clip's entry for {tag} names the repository of {other}, {repository}"
        warning += f"; the file is taken from {url} instead" if url else ""
        repository = "" if url else repository
    if not repository and not url:
        raise BackboneError(f"open_clip says no source for the tag {tag!r} of {model}.")
    sha256 = ""  # in the address, where open_clip too looks for it
    if "openaipublic" in url:
        sha256 = url.split("/")[-2]
    elif "mlfoundations" in url:
        sha256 = re.sub(r"\.\w+$", "", url).rpartition("-")[2]
    return Source(model, tag, repository, files, url, sha256, warning)


def tag_in(text: str, model: str) -> str:
    """The longest tag of the model that a text says, "" if none.

    As ViT-L-14.laion2b_s32b_b82k.safetensors: a file of weights does not say how its pictures were
    normalised, the tag does.
    """
    tags = open_clip.list_pretrained_tags_by_model(model)
    return max((tag for tag in tags if _says(text, tag)), key=len, default="")


def licence_of_card(card: Path) -> str:
    """The licence in the first lines of a model card of the hub, "" if it states none."""
    try:
        stated = (metadata_load(card) or {}).get("license")
    except Exception:  # a card that is no text, or whose first lines are no YAML
        return ""
    return ", ".join(map(str, stated)) if isinstance(stated, list) else str(stated or "")


def _says(text: str, tag: str) -> bool:
    return f"_{_words(tag)}_" in f"_{_words(text)}_"


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())
