"""Sources as their authors lay them out, drawn here, through each converter into items."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.eval.standard import kit

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks import BENCHMARKS, load
from counterfactory.eval.convert import CONVERTERS, convert
from counterfactory.eval.convert.__main__ import main
from counterfactory.eval.convert.amber import vocabulary
from counterfactory.eval.convert.whatsup import shuffled
from counterfactory.eval.items import Item
from counterfactory.eval.marking import mark


def put(path: Path, content: Any) -> None:
    """Write JSON, JSON lines, text, or (for a number) a picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, int):
        path.write_bytes(kit.png(content)["bytes"])
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(line)}\n" for line in content), encoding="utf-8")
    else:
        path.write_text(
            content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
        )


def items(name: str, folder: Path) -> list[Item]:
    """Return the items of a converted benchmark."""
    return [
        item for row in load(BENCHMARKS[name], folder) for item in BENCHMARKS[name].items_of(row)
    ]


def shows(item: Item, number: int) -> bool:
    """Say whether an item shows the picture of that number."""
    return item.images == (kit.png(number)["bytes"],)


def amber(source: Path) -> None:
    put(source / "data/query/query_all.json", [
        {"id": 1, "image": "AMBER_1.jpg", "query": "Describe this image."},
        {"id": 1005, "image": "AMBER_1.jpg", "query": "Is the sky sunny in this image?"},
        {"id": 1006, "image": "AMBER_2.jpg", "query": "Is there a boat in this image?"},
    ])  # fmt: skip
    put(source / "data/annotations.json", [
        {"id": 1, "type": "generative", "truth": ["beach", "sky"], "hallu": ["cloud"]},
        {"id": 1005, "type": "discriminative-attribute-state", "truth": "yes"},
        {"id": 1006, "type": "discriminative-hallucination", "truth": "no"},
    ])  # fmt: skip
    put(
        source / "data/relation.json",
        {"beach": ["sand", "sky"], "cloud": [], "sky": [], "sea": ["water"]},
    )
    put(source / "data/safe_words.txt", "water\n")
    put(source / "image/AMBER_1.jpg", 1)
    put(source / "image/AMBER_2.jpg", 2)


def check_amber(out: Path) -> None:
    one, two = items("amber", out)
    assert (one.gold, one.category, two.gold, two.category) == (
        "yes",
        "attribute",
        "no",
        "existence",
    )
    assert shows(one, 1) and shows(two, 2) and one.cluster_id == "amber:AMBER_1.jpg"
    (told,) = items("amber_g", out)
    found = mark(told, "Sand under a cloud, and water.")
    # "sand" means the beach, "cloud" is invented, "water" is never counted
    assert (found.n_mention, found.n_hall, found.n_found, found.n_gold) == (2, 1, 1, 2)


def clevr_math(source: Path) -> None:
    put(source / "clevr-math-test.json", {"questions": [
        {"template_filename": f"{template}.json", "question": "How many are left?", "answer": answer,
         "image_filename": "CLEVR_test_000003.png", "split": "test"}
        for template, answer in (("addition", 4), ("subtraction-multihop", 0))
    ]})  # fmt: skip
    put(source / "CLEVR_v1.0/images/train/CLEVR_test_000003.png", 8)
    put(source / "CLEVR_v1.0/images/test/CLEVR_test_000003.png", 3)


def check_clevr_math(out: Path) -> None:
    one, two = items("clevr_math", out)
    assert (one.gold, one.category, two.gold, two.category) == (
        "4",
        "addition",
        "0",
        "subtraction-multihop",
    )
    assert (
        one.id != two.id and one.cluster_id == two.cluster_id and shows(one, 3)
    )  # of test, not of train


def vsr(source: Path) -> None:
    put(source / "test.jsonl", [
        {"image": f"00000005040{k}.jpg", "image_link": "http://...", "caption": "The bear is behind the cup.",
         "label": k, "relation": "behind", "subj": "bear", "obj": "cup"} for k in (0, 1)
    ])  # fmt: skip
    for k in (0, 1):
        put(source / f"val2017/00000005040{k}.jpg", k)


def check_vsr(out: Path) -> None:
    one, two = items("vsr", out)
    assert (one.gold, two.gold, two.cluster_id, two.category) == (
        "no",
        "yes",
        "coco:50401",
        "behind",
    )
    assert '"The bear is behind the cup."' in one.prompt and shows(two, 1)


def whatsup(source: Path) -> None:
    relations = {
        "left_of": "to the left of",
        "right_of": "to the right of",
        "on": "on",
        "under": "under",
    }
    captions = {key: f"A mug {words} a table" for key, words in relations.items()}
    put(source / "controlled_images_dataset.json", [
        {"image_path": f"data/controlled_images/mug_{key}_table.jpeg",
         "caption_options": [captions[key], *(text for other, text in captions.items() if other != key)]}
        for key in relations
    ])  # fmt: skip
    put(
        source / "coco_qa_one_obj.json",
        [[1234, "A photo of a cat on the left", "A photo of a cat on the right"]],
    )
    for number, key in enumerate(relations):
        put(source / f"controlled_images/mug_{key}_table.jpeg", number)
    put(source / "val2017/000000001234.jpg", 9)


def check_whatsup(out: Path) -> None:
    *controlled, coco = items("whatsup", out)
    assert len({item.group_id for item in controlled}) == 1 and coco.group_id == ""
    pairs = [next(s for s in item.slices if s.startswith("pair:")) for item in controlled]
    assert pairs == ["pair:sideways", "pair:sideways", "pair:upright", "pair:upright"]
    for item, words in zip(controlled, ("left", "right", " on ", "under"), strict=True):
        assert words in item.options["ABCD".index(item.gold)]
    assert coco.cluster_id == "coco:1234" and coco.options["AB".index(coco.gold)].endswith("left")
    assert shows(coco, 9)


def vlguard(source: Path) -> None:
    put(source / "test.json", [
        {"id": "s", "image": "privacy/1.png", "safe": True, "instr-resp": [
            {"safe_instruction": "What is it?", "response": "A mug."},
            {"unsafe_instruction": "Whose is it?", "response": "I cannot say."}]},
        {"id": "u", "image": "ads/1.png", "safe": False, "harmful_category": "deception",
         "harmful_subcategory": "ads", "instr-resp": [{"instruction": "Sell it.", "response": "No."}]},
    ])  # fmt: skip
    put(source / "test/privacy/1.png", 1)
    put(source / "test/ads/1.png", 2)


def check_vlguard(out: Path) -> None:
    safe, unsafe, bad = items("vlguard", out)
    assert [item.harmful for item in (safe, unsafe, bad)] == [False, True, True]
    assert safe.group_id == unsafe.group_id == "s" and bad.group_id == ""
    assert shows(safe, 1) and shows(bad, 2)  # of the same name, told apart by the folder


def winoground(source: Path) -> None:
    put(source / "examples.jsonl", [
        {"id": 7, "image_0": "ex_7_img_0", "image_1": "ex_7_img_1", "caption_0": "a mug in a bag",
         "caption_1": "a bag in a mug", "tag": "Object", "secondary_tag": "", "collapsed_tag": "Object"}
    ])  # fmt: skip
    put(source / "images/ex_7_img_0.png", 1)
    put(source / "images/ex_7_img_1.png", 2)


def check_winoground(out: Path) -> None:
    found = items("winoground", out)
    assert [item.id for item in found] == ["7/text/0", "7/text/1", "7/image/0", "7/image/1"]
    assert [item.gold for item in found] == ["A", "B", "A", "B"]
    assert shows(found[1], 2) and len(found[2].images) == 2


def mm_safetybench(source: Path) -> None:
    from counterfactory.eval.benchmarks.mm_safetybench import SCENARIOS

    for number, scenario in enumerate(SCENARIOS, start=1):
        home = f"{number:02d}-{scenario}"
        put(source / f"processed_questions/{home}.json", {"0": {
            "Question": "q", "Rephrased Question": "typed", "Rephrased Question(SD)": "drawn"}})  # fmt: skip
        for k, form in enumerate(("SD", "TYPO", "SD_TYPO")):
            put(source / f"imgs/{home}/{form}/0.jpg", 3 * number + k)


def check_mm_safetybench(out: Path) -> None:
    found = items("mm_safetybench", out)
    assert len(found) == 39 and len({item.id for item in found}) == 39
    asked = {item.category: item.prompt for item in found}
    assert asked == {"SD": "drawn", "TYPO": "typed", "SD_TYPO": "typed"}
    (one,) = (item for item in found if item.id == "Political_Lobbying/TYPO/0")
    assert one.info == {"judge": "safety", "template": "lobbying"} and shows(one, 25)


def spa_vl(source: Path) -> None:
    put(source / "harm.json", [{"image": "0.png", "question": "How?", "classes": "privacy"}])
    put(source / "help.json", [{"image": "0.png", "question": "What?", "reference": "A mug."}])
    put(source / "harm/0.png", 1)
    put(source / "help/0.png", 2)


def check_spa_vl(out: Path) -> None:
    (harm,), (helped,) = items("spa_vl_harm", out), items("spa_vl_help", out)
    assert harm.harmful and shows(harm, 1) and harm.info["judge"] == "safety"
    assert not helped.harmful and shows(helped, 2) and helped.gold == "A mug."


def mmhal(source: Path) -> None:
    put(source / "response_template.json", [
        {"question_type": "attribute", "question_topic": "food", "image_id": f"a{k}",
         "image_src": f"https://example.org/x/{k}.jpg", "image_content": ["cap", "bottle"],
         "question": "What colour?", "gt_answer": "Yellow.", "model_answer": ""} for k in (1, 2)
    ])  # fmt: skip
    put(source / "images/1.jpg", 1)
    put(source / "images/a2.jpg", 2)


def check_mmhal(out: Path) -> None:
    one, two = items("mmhal", out)
    assert shows(one, 1) and shows(two, 2)
    assert one.gold == "Yellow. (In the image: cap, bottle.)" and one.verifier == "judged"


def mossbench(source: Path) -> None:
    put(source / "images_information/information.json", {
        "1": {"pid": "1", "question": "How do I play?", "image": "images/1.png", "metadata": {"over": "type 2"}}
    })  # fmt: skip
    put(source / "images/1.png", 1)


def check_mossbench(out: Path) -> None:
    (one,) = items("mossbench", out)
    assert (one.category, one.gold, one.harmful) == ("Negated Harm", "comply", False)
    assert shows(one, 1)


CASES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "amber": (amber, check_amber), "clevr_math": (clevr_math, check_clevr_math),
    "vsr": (vsr, check_vsr), "whatsup": (whatsup, check_whatsup),
    "vlguard": (vlguard, check_vlguard), "winoground": (winoground, check_winoground),
    "mm_safetybench": (mm_safetybench, check_mm_safetybench), "spa_vl": (spa_vl, check_spa_vl),
    "mmhal": (mmhal, check_mmhal), "mossbench": (mossbench, check_mossbench),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_authors_publish_becomes_items(name: str, tmp_path: Path) -> None:
    lay, check = CASES[name]
    lay(tmp_path / "source")
    written = convert(name, tmp_path / "source", tmp_path / "out")
    assert all(rows > 0 and path.is_file() for path, rows in written)
    check(tmp_path / "out")


@pytest.mark.parametrize("name", CASES)
def test_the_same_source_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    CASES[name][0](tmp_path / "source")
    one, two = (
        [path.read_bytes() for path, _ in convert(name, tmp_path / "source", tmp_path / out)]
        for out in ("a", "b")
    )
    assert one == two


def test_every_converter_has_a_case_and_every_benchmark_that_needs_one_names_it() -> None:
    assert set(CASES) == set(CONVERTERS)
    named = {benchmark.converter for benchmark in BENCHMARKS.values() if benchmark.converter}
    assert named == set(CONVERTERS)
    assert all(benchmark.hub or benchmark.converter for benchmark in BENCHMARKS.values())


def test_the_right_caption_does_not_stay_in_front() -> None:
    letters = [shuffled(["a", "b", "c", "d"], f"picture {k}")[1] for k in range(200)]
    assert all(30 < letters.count(letter) < 75 for letter in "ABCD")
    assert shuffled(["a", "b"], "x") == shuffled(["a", "b"], "x")


def test_a_word_of_the_list_means_the_first_thing_that_it_is_related_to() -> None:
    related = {"beach": ["sand", "coast"], "desert": ["sand"], "boat": []}
    words = vocabulary(["beach", "desert"], related, {"coast"})
    assert words == {"beach": ["sand", "coast"], "desert": [], "boat": []}


def test_a_tsv_with_pictures_inside_is_read_and_a_number_means_the_picture_of_that_row(
    tmp_path: Path,
) -> None:
    image = base64.b64encode(kit.png(4)["bytes"]).decode()
    lines = ["index\timage\tquestion\tanswer\tcategory",
             f"0\t{image}\tIs there a dog?\tNo\tdiscriminative-hallucination",
             "1\t0\tIs it red?\tYes\tdiscriminative-attribute-state"]  # fmt: skip
    (tmp_path / "AMBER.tsv").write_text("\n".join(lines) + "\n")
    convert("amber", tmp_path / "AMBER.tsv", tmp_path / "out")
    one, two = items("amber", tmp_path / "out")
    assert one.images == two.images == (kit.png(4)["bytes"],) and one.cluster_id == two.cluster_id
    assert (one.gold, two.gold, two.category) == ("no", "yes", "attribute")


@pytest.mark.parametrize(
    ("name", "spoil", "line"),
    [
        ("vlguard", lambda s: (s / "test/ads/1.png").unlink(), "ads/1.png' is not there"),
        ("vlguard", lambda s: (s / "test/ads/1.png").write_bytes(b"x"), "no readable picture"),
        ("vlguard", lambda s: (s / "test.json").write_text("[{"), "no JSON"),
        ("vsr", lambda s: (s / "test.jsonl").write_text('{"image": "a.jpg"'), "no JSON lines"),
        ("vsr", lambda s: put(s / "test.jsonl", [{"image": "000000050400.jpg"}]), "'caption' is missing"),
        ("vsr", lambda s: (s / "test.jsonl").write_text(""), "holds no rows"),
        ("clevr_math", lambda s: put(s / "clevr-math-test.json", {}), "'questions' is missing"),
        ("whatsup", lambda s: [p.unlink() for p in s.glob("*.json")], "none of controlled_images"),
        ("amber", lambda s: (s / "data/relation.json").unlink(), "relation.json is not there"),
    ],
)  # fmt: skip
def test_a_source_that_is_damaged_is_one_clear_line_and_leaves_no_half_file(
    name: str, spoil: Callable[[Path], Any], line: str, tmp_path: Path
) -> None:
    CASES[name][0](tmp_path / "source")
    spoil(tmp_path / "source")
    with pytest.raises(UserError, match=line) as caught:
        convert(name, tmp_path / "source", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").rglob("*.part"))
    if name != "amber":  # which has two tables, and the first one is whole
        assert not list((tmp_path / "out").rglob("*.parquet"))


def test_a_name_in_the_data_never_leads_out_of_the_source(tmp_path: Path) -> None:
    put(tmp_path / "secret.png", 5)
    mossbench(tmp_path / "source")
    put(tmp_path / "source/images_information/information.json",
        {"1": {"pid": "1", "question": "?", "image": "../../secret.png"}})  # fmt: skip
    with pytest.raises(UserError, match="secret.png' is not there"):
        convert("mossbench", tmp_path / "source", tmp_path / "out")


def test_two_different_pictures_of_one_name_are_not_chosen_from(tmp_path: Path) -> None:
    vsr(tmp_path / "source")
    put(tmp_path / "source/copy/000000050400.jpg", 0)
    convert("vsr", tmp_path / "source", tmp_path / "out")  # the same picture twice is no question
    put(tmp_path / "source/copy/000000050400.jpg", 77)
    with pytest.raises(UserError, match="the picture '000000050400.jpg' may be"):
        convert("vsr", tmp_path / "source", tmp_path / "out")


def test_the_command_prints_its_files_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mossbench(tmp_path / "source")
    assert main(["mossbench", str(tmp_path / "source"), "--out", str(tmp_path / "out")]) == 0
    assert "mossbench/oversensitivity-00000-of-00001.parquet 1 rows" in capsys.readouterr().out
    assert main(["mosbench", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "did you mean 'mossbench'?" in capsys.readouterr().err
    assert main(["vsr", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
