"""TOML 1.1, which policies are, from Python's reader of TOML 1.0."""
import re, tomllib

LONG = r'''"""(?:[^\\]|\\[\s\S])*?"{3,5}|\'\'\'[\s\S]*?\'{3,5}'''
TOKEN = re.compile(LONG + r'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\s\S]''')


def older(text):
    """The same tables in TOML 1.0: without the line breaks, comments and last commas inside of { }, and the escapes \\e
    and \\xHH, that TOML 1.1 has added."""
    out, open_brackets, before, last = [], [], "", 0
    for token in (match[0] for match in TOKEN.finditer(text)):
        inline = open_brackets[-1:] == ["{"]
        if token[0] == '"':
            token = re.sub(r"\\(?:x([0-9A-Fa-f]{2})|(e)|(.))", escape, token, flags=re.DOTALL)
        if token == "}" and inline and out[last] == "," and before != "{":
            out[last] = " "
        if token in ("{", "["):
            open_brackets.append(token)
        elif token in ("}", "]") and open_brackets:
            open_brackets.pop()
        out.append(" " if inline and (token[0] in "#\n" or token == "\r") else token)
        if out[-1].strip():
            before, last = out[last], len(out) - 1
    return "".join(out)


def escape(match):
    return f"\\u00{match[1]}" if match[1] else "\\u001b" if match[2] else match[0]


def read_tables(data):
    return tomllib.loads(older(data.decode("utf-8-sig")))
