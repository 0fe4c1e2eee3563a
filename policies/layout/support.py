"""What the platforms on the way cannot realise, by characteristic and by name of the element."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.errors import Refusal
from policies.layout.ground import VLAN
from policies.layout.values import Attachment, Layout
from policies.layout.views import Realises
from policies.specification import Specification


def unsupported(spec: Specification, characteristics: Mapping[str, Any], layout: Layout, realises: Realises) -> list[Refusal]:
    return sorted(
        {refusal for attachment in layout.attachments for refusal in _unrealised(spec, characteristics, attachment, realises)},
        key=lambda refusal: (refusal.pointer, refusal.message),
    )


def _unrealised(
    spec: Specification, characteristics: Mapping[str, Any], attachment: Attachment, realises: Realises
) -> Iterator[Refusal]:
    element, platform = attachment.element, attachment.platform
    if platform not in realises:
        yield Refusal(attachment.pointer, "platform", f"{element} is of platform {platform}, which is not installed")
        return
    able = frozenset(realises[platform]) - attachment.lacks
    for feature in sorted(spec.needed(attachment.layer, attachment.role) - able):
        yield Refusal(attachment.pointer, "feature", _cannot(attachment, feature, spec.name))
    for characteristic, features in spec.features.items():
        pointer = _pointer(characteristic, characteristics, attachment)
        asked = {features[part] for part in (attachment.layer, attachment.role) if part in features} if pointer else set()
        for feature in sorted(asked - able):
            yield Refusal(pointer, "feature", _cannot(attachment, feature, characteristic))
    if attachment.tagged and VLAN not in able:
        pointer = "/vlan" if "vlan" in characteristics else f"{attachment.pointer.removesuffix('/port')}/vlan"
        yield Refusal(pointer, "feature", _cannot(attachment, VLAN, "vlan"))
    if spec.template(platform) is None:
        yield Refusal(attachment.pointer, "platform", f"{spec.name} has no template for {element}, which is of platform {platform}")


def _pointer(characteristic: str, characteristics: Mapping[str, Any], attachment: Attachment) -> str:
    """Where the characteristic is given, for the place or for the whole service; "" where it is not."""
    if characteristic in attachment.place:
        place = attachment.pointer.rpartition("/")[0]
        return f"{place}/{characteristic}"
    return f"/{characteristic}" if characteristic in characteristics else ""


def _cannot(attachment: Attachment, feature: str, what: str) -> str:
    element = f"{attachment.element} (platform {attachment.platform})"
    return f"{element} cannot realise {feature}, which {what} needs; choose another element or leave it out"
