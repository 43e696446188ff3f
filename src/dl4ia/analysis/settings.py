"""What the variants of a task have in common, and in which settings each differs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dl4ia.config import Variant, flat

Flat = dict[str, object]  # settings by dotted key


@dataclass(frozen=True)
class FlatSettings:
    """What decides a variant's results, without seeds: all settings, and those not at their neutral default."""

    complete: Flat
    stated: Flat

    @classmethod
    def of(cls, variant: Variant) -> "FlatSettings":
        """Return the settings of a variant."""
        test_time: Flat = {"test_time": variant.test_time}
        return cls(
            complete=flat(variant.settings.model_dump(mode="json", exclude={"seeds"})) | test_time,
            stated=flat(variant.settings.deciding) | (test_time if variant.test_time != "none" else {}),
        )

    def value(self, key: str) -> object:
        """Return a setting; a list or section as it is stated, without neutral defaults in it."""
        return self.stated.get(key, self.complete.get(key))


def common_settings(rows: Sequence[FlatSettings]) -> FlatSettings:
    """Return the settings that more than half of the variants have, each by itself."""
    complete = _common([row.complete for row in rows])
    stated = {key for row in rows for key in row.stated}
    return FlatSettings(complete, {key: value for key, value in complete.items() if key in stated})


def _common(rows: Sequence[Mapping[str, object]]) -> Flat:
    common: Flat = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        having = [row[key] for row in rows if key in row]
        text, count = Counter(map(repr, having)).most_common(1)[0]
        if 2 * count > len(rows):
            common[key] = next(value for value in having if repr(value) == text)
    return common


def differences(base: FlatSettings, other: FlatSettings) -> dict[str, tuple[object, object]]:
    """Return the settings in which two variants differ, with both values.

    What only one `kind` of a section has belongs to its kind: {kind: sgd, momentum: 0.9} and {kind: adam} differ in one
    setting, under the key of the section, and in a second one if their learning rates are not the same. Of a section
    that only the other variant's list has, such as an augmentation, what it states is given; of one that it lacks,
    nothing.
    """
    changed = {key for key in {*base.complete, *other.complete} if base.complete.get(key) != other.complete.get(key)}
    kinds = {key.removesuffix(".kind") for key in changed if key.endswith(".kind")}
    lists = tuple(f"{key}." for key in changed if isinstance(base.complete.get(key, other.complete.get(key)), list))
    result: dict[str, tuple[object, object]] = {}
    for key in dict.fromkeys([*base.complete, *other.complete]):
        if key.startswith(lists) and (
            key not in other.complete or (key not in base.complete and key not in other.stated)
        ):
            continue
        section = next((name for name in kinds if key.startswith(f"{name}.")), None)
        if section is not None and (key == f"{section}.kind" or key not in base.complete or key not in other.complete):
            result[section] = (_of_kind(base, other, section), _of_kind(other, base, section))
        elif key in changed:
            result[key] = (base.value(key), other.value(key))
    return result


def _of_kind(row: FlatSettings, other: FlatSettings, section: str) -> Flat:
    """Return the kind of a section, and what is stated there and the other kind does not have."""
    prefix = f"{section}."
    own = {key: value for key, value in row.stated.items() if key.startswith(prefix) and key not in other.complete}
    return {"kind": row.complete.get(f"{section}.kind")} | {key.removeprefix(prefix): own[key] for key in own}
