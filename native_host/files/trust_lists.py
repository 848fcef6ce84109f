# SPDX-License-Identifier: MIT
"""The EU's trusted lists of this person: fetched when asked for, in Kortilla's folder.

The command and the window's page say the same of them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from kortilla.common import JsonObject
from kortilla.signing.trust_lists.store import EU, KeptList, TrustLists
from kortilla.signing.trust_lists.update import Fetched, update
from native_host.config import Config
from native_host.files.check import list_of_lists
from native_host.files.words import country_name, local
from native_host.platform.paths import lists_folder


async def fetch_lists(
    config: Config, progress: Callable[[int, int], object] = lambda done, total: None
) -> list[Fetched]:
    """Fetch the lists through the environment's proxy. Raises as ``update``.

    Another list of lists than the EU's may be in the person's own network.
    """
    lists = list_of_lists(config)
    return await update(
        lists_folder(),
        lists=lists,
        allow_private_addresses=lists.address != EU.address,
        progress=progress,
    )


def describe_fetched(fetched: Sequence[Fetched], texts: Mapping[str, str]) -> list[str]:
    """Return sentences: how many lists are the newest, and what others lack."""
    new = [each for each in fetched if not each.problem]
    countries = [each for each in new if each.territory != "EU"]
    problems = describe_problems(fetched, texts)
    if not countries:
        return problems
    size = max(sum(each.octets for each in new) / 1e6, 0.1)
    key = "lists.fetched.some" if problems else "lists.fetched"
    done = texts[key].format(count=len(countries), size=f"{size:.1f}")
    return [done, *problems]


def describe_problems(
    fetched: Sequence[Fetched], texts: Mapping[str, str]
) -> list[str]:
    """Return a sentence for each list that could not be had or was refused."""
    lines = []
    for each in fetched:
        if (each.territory, each.problem) == ("EU", "unreachable"):
            lines.append(texts["lists.offline"])
        elif each.problem:
            said = texts[f"lists.problem.{each.problem}"]
            kept = texts["lists.kept"] if each.kept else ""
            country = country_name(each.territory, texts)
            lines.append(f"{country}: {said} {kept}".rstrip())
    return lines


def describe_kept(
    lists: TrustLists, at: datetime, texts: Mapping[str, str]
) -> list[str]:
    """Return sentences: which lists are there, and until when each counts."""
    if lists.of_lists is None:
        return [texts["lists.none"]]
    lines = []
    for territory, kept in (("EU", lists.of_lists), *sorted(_countries(lists))):
        due = kept.trust_list.next_update
        until = "–" if due is None else texts["date.format"].format(time=local(due))
        key = "lists.row" if kept.is_current(at) else "lists.row.outdated"
        lines.append(
            texts[key].format(
                country=country_name(territory, texts),
                number=kept.trust_list.sequence,
                until=until,
                fetched=texts["date.format"].format(time=local(kept.fetched)),
            )
        )
    return [*lines, *(texts["lists.broken"].format(name=each) for each in lists.broken)]


def kept_fields(lists: TrustLists, at: datetime) -> JsonObject:
    """Return what ``kortilla trust status`` prints for scripts."""
    of_lists = [] if lists.of_lists is None else [("EU", lists.of_lists)]
    return {
        "folder": str(lists_folder()),
        "current": is_current(lists, at),
        "lists": [
            {
                "territory": territory,
                "operator": kept.trust_list.operator,
                "sequence": kept.trust_list.sequence,
                "issued": kept.trust_list.issued.isoformat(),
                "nextUpdate": due.isoformat()
                if (due := kept.trust_list.next_update)
                else None,
                "fetched": kept.fetched.isoformat(),
                "address": kept.address,
                "sha256": kept.sha256,
                "services": len(kept.trust_list.services),
                "current": kept.is_current(at),
            }
            for territory, kept in (*of_lists, *sorted(_countries(lists)))
        ],
        "broken": list(lists.broken),
    }


def is_current(lists: TrustLists, at: datetime) -> bool:
    """Return whether there are lists, and all of them count."""
    return bool(lists.by_territory) and not (lists.outdated(at) or lists.broken)


def _countries(lists: TrustLists) -> list[tuple[str, KeptList]]:
    return [*lists.by_territory.items()]
