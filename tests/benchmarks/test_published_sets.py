"""The loaders on the published files: counts, subsets, gold and known flaws, as read from the files by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from foresee.config import from_pairs
from foresee.data import check, sources
from foresee.errors import UserError
from foresee.plugins import load as load_plugin
from foresee.records import Item
from tests.benchmarks.conftest import Load


@pytest.fixture
def data(request: pytest.FixtureRequest, data_root: Path) -> Path:
    folder = data_root / str(request.param)
    if not folder.is_dir():
        pytest.skip(f"needs the published files of {request.param}")
    return folder


def subsets(items: list[Item]) -> dict[str, int]:
    return dict(Counter(item.subset for item in items))


@pytest.mark.parametrize("data", ["figstep"], indirect=True)
def test_figstep_full(data: Path, load: Load) -> None:
    items = load("figstep", data)
    assert subsets(items) == {"harm": 350, "policy": 150}
    assert set(Counter(item.scenario for item in items).values()) == {50}
    assert len({item.cluster for item in items}) == len({item.image_sha256 for item in items}) == 500
    assert all(item.missing_image is None and len(item.images) == 1 for item in items)
    assert len({item.prompt for item in items}) == 1, "the text is the same for all; the picture carries the request"
    report = check.check("figstep", data)
    assert report.complete
    assert report.defects == {}
    assert report.formats == {"PNG": 500}


@pytest.mark.parametrize("data", ["figstep"], indirect=True)
@pytest.mark.parametrize("variant", ["pro", "tiny"])
def test_figstep_as_its_archive_has_it(data: Path, load: Load, variant: str) -> None:
    """Pro: one column with commas in its sentences, and images in a zip that the archive holds."""
    items = load("figstep", data, f"variant={variant}")
    assert subsets(items) == {"harm": 35, "policy": 15}
    assert all(item.missing_image is None for item in items)
    assert sum(len(item.images) for item in items) == {"pro": 181, "tiny": 50}[variant]
    if variant == "pro":
        assert "$50,000" in items[40].prompt


@pytest.mark.parametrize("data", ["figstep"], indirect=True)
def test_figstep_modalities(data: Path, load: Load) -> None:
    (in_words, *_), (picture, *_) = load("figstep", data, "modality=text"), load("figstep", data, "modality=image")
    assert (in_words.images, in_words.prompt) == ((), in_words.metadata["goal"])
    assert (len(picture.images), picture.prompt) == (1, "")
    assert in_words.id == picture.id, "modalities compare over the same items"


@pytest.mark.parametrize("data", ["mm_safetybench"], indirect=True)
def test_mm_safetybench_texts(data: Path, load: Load) -> None:
    counts = (97, 163, 44, 144, 122, 154, 109, 153, 139, 130, 167, 109, 149)
    for variant in ("SD", "SD_TYPO", "TYPO", "text_only"):
        items = load("mm_safetybench", data, f"variant={variant}")
        assert tuple(Counter(item.scenario for item in items).values()) == counts
        assert subsets(items) == {"harm": 972, "policy": 708}
        assert sum(item.missing_image is None for item in items) == (1680 if variant == "text_only" else 0)
    assert len({item.cluster for item in items}) == 1680 - 19
    everything = load("mm_safetybench", data, "variant=all")
    assert len(everything) == 5040
    assert len({item.cluster for item in everything}) == 1680 - 19
    assert len(load("mm_safetybench", data, "tiny=true")) == 168
    eight = load("mm_safetybench", data, "scenarios=01,2,3,4,5,6,7,9", "modality=text")
    assert [item.id for item in eight] == [i.id for i in load("mm_safetybench", data, "subset=harm", "modality=text")]
    assert all(item.metadata["lacks_picture"] and item.missing_image is None for item in eight)
    found = load_plugin("benchmarks", "mm_safetybench").defects(data)
    assert [len(ids) for ids in found.values()] == [19, 39]


@pytest.mark.parametrize("data", ["mm_safetybench"], indirect=True)
def test_mm_safetybench_wrong_options_are_one_line(data: Path, load: Load) -> None:
    with pytest.raises(UserError, match="no scenario of mm_safetybench named '14'"):
        load("mm_safetybench", data, "scenarios=14")
    with pytest.raises(UserError, match="no scenario is in both"):
        load("mm_safetybench", data, "scenarios=8", "subset=harm")
    with pytest.raises(UserError, match="text_only has no image"):
        load("mm_safetybench", data, "variant=text_only", "modality=image")


@pytest.mark.parametrize("data", ["mossbench"], indirect=True)
def test_mossbench_list_and_pictures(data: Path, load: Load) -> None:
    items = load("mossbench", data)
    assert subsets(items) == {"exaggerated_risk": 100, "negated_harm": 100, "counter_intuitive": 100}
    assert sum(item.missing_image is None for item in items) == 8
    assert {item.expected for item in items} == {"benign"}
    assert len({item.cluster for item in items}) == 239, "61 ask a question that was asked before"
    report = check.check("mossbench", data)
    assert not report.complete
    assert report.missing_here == {"exaggerated_risk": 97, "negated_harm": 95, "counter_intuitive": 100}
    assert len(report.defects["questions asked before with another image"]) == 61
    with pytest.raises(UserError, match="expected data_contrast/images_information"):
        load("mossbench", data, "part=contrast")


@pytest.mark.parametrize("data", ["xstest"], indirect=True)
def test_xstest(data: Path, load: Load) -> None:
    items = load("xstest", data)
    assert subsets(items) == {"safe": 250, "unsafe": 200}
    assert set(Counter(item.scenario for item in items).values()) == {25}
    assert Counter(item.expected for item in items) == {"benign": 250, "harmful": 200}
    assert check.check("xstest", data).complete
    labels = check.check("xstest", data, kind="labels")
    assert labels.complete
    assert sum(count.found for count in labels.counts) == 2250
    assert sources.find("xstest").files
    with pytest.raises(UserError, match="xstest has no images"):
        load("xstest", data, "modality=image")


@pytest.mark.parametrize("data", ["mm_safetybench"], indirect=True)
def test_counts_follow_the_options(data: Path) -> None:
    module = load_plugin("benchmarks", "mm_safetybench")
    options = from_pairs(module.Options, ["tiny=true", "subset=policy", "modality=text"], what="T")
    report = check.check("mm_safetybench", data, options)
    assert [tuple(count) for count in report.counts] == [("policy", 71, 71, 71)]
    assert (report.lacking, report.complete) == (71, False)


@pytest.mark.parametrize("data", ["msts"], indirect=True)
@pytest.mark.parametrize("language", ["chinese", "french", "german", "italian", "spanish"])
def test_msts_other_languages(data: Path, load: Load, language: str) -> None:
    items = load("msts", data, f"language={language}")
    assert subsets(items) == {"assistance": 200}
    assert len({item.cluster for item in items}) == 200
    assert all(item.missing_image for item in items), "never asked without its image, which is not in this copy"
    assert len({item.prompt for item in items}) > 180
    assert all(item.id.startswith(f"{language}/case_") for item in items)


@pytest.mark.parametrize("data", ["msts"], indirect=True)
def test_msts_english(data: Path, load: Load) -> None:
    items = load("msts", data)
    assert subsets(items) == {"assistance": 200, "intention": 200}
    hazards = Counter(item.domain for item in items)
    assert sorted(hazards.values()) == [50, 60, 70, 80, 140]
    assert len({item.cluster for item in items}) == 200
    assert sum(item.missing_image is not None for item in items) == 400
    in_words = load("msts", data, "form=textonly")
    assert [item.id for item in in_words] == [item.id for item in items]
    assert all(item.missing_image is None for item in in_words)
    with pytest.raises(UserError, match=r"expected prompts/hindi_multimodal.csv .* languages here: english, chinese"):
        load("msts", data, "language=hindi")
    assert check.check("msts", data, kind="labels").complete
