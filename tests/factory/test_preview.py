"""The page of pictures: whole in itself, deaf to markup in data, true to the rows."""

import base64
import io
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from counterfactory.errors import UserError
from counterfactory.factory.preview import preview, release_page, render_page

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "crash")]
import release_kit as kit
from engine_toys import toy_recipe

HOSTILE = "<script>alert('1')</script><img src=http://evil/x onerror=\"y()\"> & {{ 7*7 }} \u202e"
REJECTS = [kit.reject_row(one) | {"note": "ValueError: <b>x</b>"} for one in kit.rejects_of(3)]


class Read(HTMLParser):
    """What a browser would see: tags with attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(**changes: Any) -> str:
    rows = kit.rows_of([kit.candidate(1, **changes), kit.asking(2)])
    return render_page(rows, REJECTS, {"name": "tiny", "fingerprint": "f" * 64})


def assert_whole_in_itself(text: str) -> None:
    """No script, no link, nothing loaded from anywhere."""
    read = Read(text)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "link", "iframe", "object", "a"})
    for tag, attributes in read.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "href" not in attributes
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/png;base64,")
    css = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(css) == 1 and "url(" not in css[0] and "@import" not in css[0]


def test_the_page_shows_pictures_texts_verdicts_and_rejects() -> None:
    read = Read(page())
    pictures = [attributes for tag, attributes in read.tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == [
        "original", "counterfactual", "what differs", "image",
    ]  # fmt: skip
    for words in (
        "A red box, number 1.", "A blue box, 1.", "The red box became blue.",
        "What colour is the box?", "locality.outside", "0.004", "0.02", "passed",
        "How many boxes are there?", "outside_changed", "0.31", "2 of 5 candidates kept",
    ):  # fmt: skip
        assert words in read.text, words


def test_mask_and_boxes_are_drawn_on_the_third_picture() -> None:
    uris = re.findall(r'src="data:image/png;base64,([^"]+)"', page())
    plain, drawn = (
        set(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGB").get_flattened_data())
        for uri in uris[1:3]
    )
    assert (255, 0, 200) in drawn - plain and (0, 170, 255) in drawn - plain


def test_markup_in_data_is_shown_as_text() -> None:
    text = page(caption_a=HOSTILE, difference=HOSTILE, question=HOSTILE, answer_b=HOSTILE)
    assert_whole_in_itself(text)
    assert Read(text).text.count(HOSTILE) >= 4
    assert "ValueError: <b>x</b>" in Read(text).text


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_any_text_stays_text(text: str) -> None:
    shown = render_page([], [REJECTS[0] | {"note": text, "stage": text}], {"name": text})
    assert_whole_in_itself(shown)
    assert Read(shown).text.count(text) >= 2


def test_a_preview_builds_rows_with_the_engines_chain(tmp_path: Path) -> None:
    out = preview(toy_recipe(n=40, bad=7, raises_on=":0"), n=3, out=tmp_path / "new" / "page.html")
    read = Read(out.read_text())
    assert sum(tag == "article" for tag, _ in read.tags) == 3
    assert "a corner" in read.text and "toy_bright" in read.text
    assert "this row is not to my taste" in read.text and "op_failed" in read.text
    assert_whole_in_itself(out.read_text())


def test_a_preview_without_a_kept_row_ends_and_says_why(tmp_path: Path) -> None:
    out = preview(toy_recipe(n=400, least=256), n=1, out=tmp_path / "page.html")
    read = Read(out.read_text())
    assert "No row was kept." in read.text and "image_blank" in read.text


def test_a_page_that_cannot_be_written_is_for_the_user_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found a folder, expected the name of a page"):
        preview(toy_recipe(n=4), n=1, out=tmp_path)


def test_a_finished_release_gives_the_same_kind_of_page(tmp_path: Path) -> None:
    release = kit.pairs_release(tmp_path / "r", count=3)
    read = Read(release_page(release, tmp_path / "p.html", n=2).read_text())
    assert sum(tag == "article" for tag, _ in read.tags) == 2
    assert "3 of 7 candidates kept" in read.text


def test_a_release_of_questions_gives_a_page_too(tmp_path: Path) -> None:
    release = kit.write(tmp_path / "r", kit.rows_of([kit.asking(1)]))
    read = Read(release_page(release, tmp_path / "p.html").read_text())
    assert "How many boxes are there?" in read.text
