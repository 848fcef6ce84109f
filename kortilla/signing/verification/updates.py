# SPDX-License-Identifier: MIT
"""What may come after a signature in a PDF without changing what it shows.

It is pyHanko's policy, except for the security store (ISO 32000-2 §12.8.4.3), which has
the data that prove a signature for years. No program shows anything of it, and services
write it anew when they add to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, RawPdfPath
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    QualifiedWhitelistRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    WhitelistRule,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules_api import Context, ReferenceUpdate

_STORE = "/DSS"
_PLACE = RawPdfPath("/Root", _STORE)
#: Names and numbers from the trailer to what a certificate's stream refers to.
_DEEPEST = 8


class SecurityStoreRule(WhitelistRule):
    """Allows that the security store has other objects, which nothing else uses.

    A new object may be anything: what showed it would have changed, too. An object that
    was there may change if it was only used in the store.
    """

    def apply(
        self, old: HistoricalResolver, new: HistoricalResolver
    ) -> Iterator[ReferenceUpdate]:
        """Yield what is allowed. Raises ``SuspiciousModification``."""
        if _STORE not in new.root:
            if _STORE in old.root:
                raise SuspiciousModification("The security store was removed.")
            return
        before = defaultdict(list)
        if _STORE in old.root:
            for reference, place in _references(old):
                before[reference].append(place)
        written = new.explicit_refs_in_revision()  # type: ignore[no-untyped-call]
        for reference in {found for found, _ in _references(new)} & written:
            # Where it was used before, each place must be allowed.
            for place in before.get(reference, [_PLACE]):
                context = Context.from_absolute(old, place)
                yield ReferenceUpdate(reference, context_checked=context)


def _references(
    revision: HistoricalResolver,
) -> Iterator[tuple[generic.Reference, RawPdfPath]]:
    """Yield each reference of the store of a revision, and the path to it."""
    waiting = [(revision.root.raw_get(_STORE), _PLACE)]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, generic.IndirectObject):
            yield item.reference, path
            item = revision(item.reference)
        keys: Iterable[int | str] = ()
        if isinstance(item, generic.DictionaryObject):
            keys = item
        elif isinstance(item, generic.ArrayObject):
            keys = range(len(item))
        if len(path) < _DEEPEST:
            waiting += [(item.raw_get(key), path + key) for key in keys]


def _qualified(rule: WhitelistRule) -> QualifiedWhitelistRule:
    return rule.as_qualified(ModificationLevel.LTA_UPDATES)


POLICY = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),  # type: ignore[no-untyped-call]
        _qualified(DocInfoRule()),
        _qualified(XrefStreamRule()),
        _qualified(ObjectStreamRule()),
        _qualified(SecurityStoreRule()),
        _qualified(MetadataUpdateRule()),  # type: ignore[no-untyped-call]
    ],
    form_rule=FormUpdatingRule(
        field_rules=[
            SigFieldCreationRule(),  # type: ignore[no-untyped-call]
            SigFieldModificationRule(),
            GenericFieldModificationRule(),
        ],
    ),
)
