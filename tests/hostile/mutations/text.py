"""JSON that may be spelled wrongly: keys twice, other orders, other spellings of a value."""

import copy, json
from mutations.forge import spelled


class Pairs(list):
    """An object as its keys and values in order; a key may be there twice."""


class Raw(str):
    """Text that is written as it is."""


def tree(value):
    if isinstance(value, dict):
        return Pairs([key, tree(inner)] for key, inner in value.items())
    return [tree(one) for one in value] if isinstance(value, list) else value


def written(value, indent=None, level=0):
    """As `spelled` writes it, for what `spelled` could write."""
    if isinstance(value, Raw):
        return str(value)
    if not isinstance(value, list):
        return spelled(value).decode() if not isinstance(value, float) else json.dumps(value)
    begin, end = "{}" if isinstance(value, Pairs) else "[]"
    colon = ": " if indent else ":"
    inner = (
        [
            f"{key if isinstance(key, Raw) else spelled(key).decode()}{colon}{written(one, indent, level + 1)}"
            for key, one in value
        ]
        if isinstance(value, Pairs)
        else [written(one, indent, level + 1) for one in value]
    )
    if not inner or not indent:
        return begin + ",".join(inner) + end
    pad = "\n" + " " * indent * (level + 1)
    return begin + pad + ("," + pad).join(inner) + "\n" + " " * indent * level + end


def places(value, path=()):
    """Each place of a tree: of lists the first element alone."""
    for at, one in enumerate(value if isinstance(value, Pairs) else value[:1]):
        inner = one[1] if isinstance(value, Pairs) else one
        yield (*path, at)
        if isinstance(inner, list):
            yield from places(inner, (*path, at))


def label(value, path):
    names = []
    for at in path:
        names.append(str(value[at][0]) if isinstance(value, Pairs) else str(at))
        value = value[at][1] if isinstance(value, Pairs) else value[at]
    return ".".join(names)


def get(value, path):
    for at in path:
        value = value[at][1] if isinstance(value, Pairs) else value[at]
    return value


def spellings(value):
    """Other texts that a lenient reader takes for the same value, and values of other types."""
    if isinstance(value, bool) or value is None:
        return [("false", False), ("number 0", 0), ("empty text", ""), ("Null", Raw("Null"))]
    if isinstance(value, int):
        return [
            ("text", str(value)),
            ("float", Raw(f"{value}.0")),
            ("exponent", Raw(f"{value}e0")),
            ("zero before", Raw(f"0{value}")),
            ("plus", Raw(f"+{value}")),
            ("minus", Raw(f"-{value}")),
            ("2^64", 1 << 64),
            ("more by 2^64", value + (1 << 64)),
            ("true", True),
            ("null", Raw("null")),
            ("hexadecimal", Raw(hex(value))),
        ]
    if isinstance(value, str):
        some = [
            ("number", 7),
            ("list", [value]),
            ("object", Pairs()),
            ("true", True),
            ("NUL", value + "\0"),
            ("space", value + " "),
            ("line feed", value + "\n"),
        ]
        if value:
            first, rest = ord(value[0]), spelled(value[1:]).decode()[1:]
            some += [
                ("escaped", Raw(f'"\\u{first:04x}{rest}')),
                ("single quotes", Raw("'" + spelled(value).decode()[1:-1] + "'")),
                ("lone surrogate", Raw(spelled(value).decode()[:-1] + '\\ud800"')),
                ("UTF-8", Raw(spelled(value).decode()[:-1] + '\u00e9"')),
            ]
        return some
    if isinstance(value, Pairs):
        return [
            ("list", [one for _, one in value]),
            ("null", Raw("null")),
            ("text", written(value)),
            ("empty", Pairs()),
        ]
    return [
        ("object", Pairs([str(n), one] for n, one in enumerate(value))),
        ("null", Raw("null")),
        ("text", written(value)),
        ("comma at the end", Raw(written(value)[:-1] + ",]")),
        ("null in it", [*value, Raw("null")]),
    ]


def misspelled(value, free=lambda where, how: False):
    """Pairs of a name and a changed tree, none of which a reader may take."""
    for path in places(value):
        where, above, at = label(value, path), path[:-1], path[-1]

        def changed(change):
            other = copy.deepcopy(value)
            change(get(other, above), at)
            return other

        def assign(one):
            def change(holder, at):
                if isinstance(holder, Pairs):
                    holder[at][1] = one
                else:
                    holder[at] = one

            return change

        holder = get(value, above)
        if isinstance(holder, Pairs):
            yield f"{where}: removed", changed(lambda holder, at: holder.pop(at))
            yield f"{where}: twice", changed(lambda holder, at: holder.insert(at, list(holder[at])))
            yield f"{where}: twice, null first", changed(lambda holder, at: holder.insert(at, [holder[at][0], None]))
            yield f"{where}: other letter case", changed(
                lambda holder, at: holder.__setitem__(at, [holder[at][0].title(), holder[at][1]])
            )
            yield f"{where}: escaped key", changed(
                lambda holder, at: holder.__setitem__(
                    at, [Raw(f'"\\u{ord(holder[at][0][0]):04x}{holder[at][0][1:]}"'), holder[at][1]]
                )
            )
            yield f"{where}: unknown key after", changed(
                lambda holder, at: holder.insert(at + 1, ["x-" + holder[at][0], None])
            )
            if at + 1 < len(holder):
                yield f"{where}: after the next", changed(lambda holder, at: holder.insert(at + 1, holder.pop(at)))
        for how, other in spellings(get(value, path)):
            if not free(where, how):
                yield f"{where}: {how}", changed(assign(other))
