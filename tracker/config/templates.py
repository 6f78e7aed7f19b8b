"""The templates of messages: the Jinja environment they run in, and the checks when the configuration is read.

A template sees the event, and nothing else.

Rule 1: reading the configuration parses a template and never runs it: a run may take for ever.
Rule 2: every name in it is looked up in the schemas of the events that its hook hears, in branches that
        are seldom taken too.
Rule 3: it runs in the child that sends the message (channels.apprise_child), which has a deadline.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from tracker.config.reading import did_you_mean
from tracker.core.events import event_schema

Fields = dict[str, Any]  # name -> the fields inside it; {} for a plain value

_FRAME = ("type", "id", "timestamp")
# Methods that a template may call on any object of an event.
_METHODS = frozenset({"get", "items", "keys", "values"})
_GLOBALS = frozenset({"range", "dict", "namespace"})
_IMPLIED = frozenset({"loop", "caller", "varargs", "kwargs"})  # bound by `for` and `macro`


@cache
def environment() -> Any:
    """Returns a Jinja environment that reaches nothing but the event. A missing field and null are empty text."""
    from jinja2 import ChainableUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    found = ImmutableSandboxedEnvironment(undefined=ChainableUndefined, finalize=_text)
    found.globals = {name: thing for name, thing in found.globals.items() if name in _GLOBALS}
    return found


def _text(thing: object) -> object:
    return "" if thing is None else thing


def problems(template: str, events: Iterable[str]) -> list[str]:
    """Returns what is wrong with the template of a hook that hears `events` (globs). The template is not run."""
    from jinja2 import TemplateSyntaxError

    try:
        tree = environment().parse(template)
    except TemplateSyntaxError as error:
        return [f"line {error.lineno}: {error.message}"]
    except RecursionError:
        return ["is nested too deeply"]
    return [*_unknown_words(tree), *_unknown_names(tree, fields(events))]


def fields(events: Iterable[str]) -> Fields:
    """Returns every name that at least one of these events (globs) has."""
    globs = tuple(events)
    types = [type_ for type_ in event_schema.TYPES if any(fnmatchcase(type_, glob) for glob in globs)]
    found: Fields = {name: {} for name in _FRAME}
    for type_ in types or event_schema.TYPES:
        _merge(found, _inside(event_schema.schema(type_)["properties"]["data"]))
    return found


def _inside(schema: Mapping[str, Any]) -> Fields:
    return {name: _inside(inner) for name, inner in schema.get("properties", {}).items()}


def _merge(into: Fields, more: Fields) -> None:
    for name, inner in more.items():
        _merge(into.setdefault(name, {}), inner)


def _unknown_words(tree: Any) -> Iterator[str]:
    """Yields a problem for each filter or test that Jinja does not know, and for each use of another template.

    Jinja itself reports them only when the template runs.
    """
    from jinja2 import nodes

    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        yield f"line {node.lineno}: a template cannot use include, import or extends"
    for kind, word, known in (
        (nodes.Filter, "filter", environment().filters),
        (nodes.Test, "test", environment().tests),
    ):
        for node in tree.find_all(kind):
            if node.name not in known:
                yield f'line {node.lineno}: unknown {word} "{node.name}"{did_you_mean(node.name, known)}'


def _unknown_names(tree: Any, known: Fields) -> Iterator[str]:
    """Yields a problem for each name that is neither a field of an event nor bound by the template itself."""
    from jinja2 import nodes

    names = list(tree.find_all(nodes.Name))
    bound = {node.name for node in names if node.ctx != "load"} | _GLOBALS | _IMPLIED
    bound |= {macro.name for macro in tree.find_all(nodes.Macro)}
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        path = _path(node)
        if not path or path[0] in bound:
            continue
        around = _at(known, path[:-1])
        # An empty `around` is a plain value, and Jinja knows its methods.
        if around and path[-1] not in around and (len(path) == 1 or path[-1] not in _METHODS):
            near = did_you_mean(path[-1], around)
            yield f'line {node.lineno}: no event of this hook has "{".".join(path)}"{near}'


def _path(node: Any) -> tuple[str, ...]:
    """Returns ("order", "id") for `order.id` and `order["id"]`, and () for any other expression."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return (node.name,)
    last = None
    if isinstance(node, nodes.Getattr):
        last = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        last = node.arg.value
    if not isinstance(last, str) or not (before := _path(node.node)):
        return ()
    return (*before, last)


def _at(known: Fields, path: Iterable[str]) -> Fields:
    """Returns the fields at this path; {} when it has none or does not exist."""
    for name in path:
        known = known.get(name, {})
    return known
