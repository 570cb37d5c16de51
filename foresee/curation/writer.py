"""Write drafts as rows, within limits, without near-duplicates, evaluation images and images that can't be opened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from foresee.curation.dedup import NearDuplicates, perceptual_hash
from foresee.curation.drafts import CurationConfig, Draft, Dropped, Tally
from foresee.curation.evaluation_sets import BenchmarkItems, EvaluationSets
from foresee.data.images import ImageError, load_rgb
from foresee.dataset_format import RowWriter, image_path, read
from foresee.records import Image

if TYPE_CHECKING:
    import PIL.Image

CLUSTER = "cluster"
"""The key of a row's facts that says what it belongs together with."""


class Writer:
    """Writes drafts as rows, one after the other; counts what it drops.

    Args:
        rows_file: open on the data set's folder.
        config: near-duplicates and excluded images.
        reviewed: ids that a person has dropped; they stay out.
        of_benchmark: see `EvaluationSets`.
    """

    def __init__(
        self,
        rows_file: RowWriter,
        config: CurationConfig,
        reviewed: frozenset[str],
        of_benchmark: BenchmarkItems | None = None,
    ) -> None:
        self.rows_file = rows_file
        self.tally = Tally()
        self.drops: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.new = 0
        self._config = config
        self._reviewed = reviewed
        self._of_benchmark = of_benchmark
        self._near = NearDuplicates(config.near_duplicates)
        self._sets: EvaluationSets | None = None
        self._from_users = False
        if self._near.on and rows_file.ids:
            self._remember()

    def drop(self, dropped: Dropped) -> None:
        self.drops[dropped.reason] += 1
        if dropped.about:
            self.examples.setdefault(dropped.reason, " ".join(dropped.about.split())[:120])

    def keep(self, draft: Draft) -> None:
        """Write a draft's row, or count why not. Raises UserError: the disk refuses it."""
        self._from_users |= draft.guarded
        try:
            if draft.row.id in self._reviewed:
                raise Dropped("dropped in review")
            if draft.row.id not in self.rows_file.ids:
                self._write(draft)
                self.new += 1
        except Dropped as dropped:
            self.drop(dropped)
            return
        self.tally.rows += 1
        self.tally.clusters.add(draft.cluster or draft.row.id)
        for counter in draft.limits:
            self.tally.counters[counter] = self.tally.counters.get(counter, 0) + 1

    def guard_record(self) -> dict[str, Any]:
        """Record for the manifest what rows were compared with; the overlap is counted anew over those written."""
        if not self._from_users:
            return {"compared": False, "why": "everything was made for this data set"}
        if not self._config.exclude:
            return {"compared": False, "why": "exclude is empty"}
        overlap, texts = 0, 0
        sets = self._evaluation_sets()
        names: set[str] = set()
        for row in read(self.rows_file.folder):
            names.update(row.images)
            texts += sets.owner_of_text(row.request) is not None
        for name in names:
            path = image_path(self.rows_file.folder, name)
            overlap += sets.owner_of_image(path.read_bytes(), load_rgb(path)) is not None
        return {"compared": True, **sets.record(), "overlap_with_rows": overlap, "texts_in_common": texts}

    def _write(self, draft: Draft) -> None:
        if draft.needs and draft.needs not in self.rows_file.ids:
            raise Dropped("its counterpart was dropped")
        for counter, most in draft.limits.items():
            if self.tally.counters.get(counter, 0) >= most:
                raise Dropped(f"enough of {counter}")
        if (
            draft.guarded
            and self._config.exclude
            and (owner := self._evaluation_sets().owner_of_text(draft.row.request))
        ):
            raise Dropped(f"request belongs to an evaluation set ({owner})")
        names = [self._image(image, draft) for image in draft.images]
        facts = {**draft.row.facts, **({CLUSTER: draft.cluster} if draft.cluster else {})}
        self.rows_file.add(draft.row.model_copy(update={"images": tuple(names), "facts": facts}))

    def _image(self, image: Image, draft: Draft) -> str:
        cluster = draft.cluster or draft.row.id
        try:
            data = image.read()
            owner = self._near.owner(image.sha256)
            if owner is None:
                pixels = load_rgb(data)
                if draft.guarded and self._config.exclude:
                    self._refuse_evaluation(data, pixels)
                self._compare(image, pixels, cluster)
            elif owner != cluster and not draft.guarded:  # the user's own items may share an image
                raise Dropped("image the same as an earlier one")
            return self.rows_file.store(data, decoded=True)
        except ImageError as problem:
            raise Dropped("image can't be opened", str(problem)) from None
        except OSError as problem:
            raise Dropped("image can't be read", str(problem)) from None

    def _compare(self, image: Image, pixels: PIL.Image.Image, cluster: str) -> None:
        """Compare with earlier images. Raises Dropped: one of another cluster is nearly the same."""
        if not self._near.on:
            return
        value = perceptual_hash(pixels)
        if self._near.like(value, cluster) is not None:
            raise Dropped("image nearly the same as an earlier one")
        self._near.add(image.sha256, value, cluster)

    def _refuse_evaluation(self, data: bytes, pixels: PIL.Image.Image) -> None:
        """Compare with evaluation sets. Raises Dropped: one has this image."""
        owner = self._evaluation_sets().owner_of_image(data, pixels)
        if owner is not None:
            raise Dropped(f"image belongs to an evaluation set ({owner})")

    def _evaluation_sets(self) -> EvaluationSets:
        """Read when first needed: it takes seconds, and builds without rows of the user's need none."""
        if self._sets is None:
            self._sets = EvaluationSets(self._config.exclude, self._of_benchmark, self._config.exclude_distance)
        return self._sets

    def _remember(self) -> None:
        """Images of rows from an earlier run, so that what is made now is compared with them too."""
        for row in read(self.rows_file.folder):
            for name in row.images:
                path = image_path(self.rows_file.folder, name)
                sha256 = path.name.partition(".")[0]
                if self._near.owner(sha256) is None:
                    self._near.add(sha256, perceptual_hash(load_rgb(path)), str(row.facts.get(CLUSTER, row.id)))
