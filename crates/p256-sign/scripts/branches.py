#!/usr/bin/env python3
"""Looks in machine code for branches and addresses that depend on secrets: for the functions that valgrind cannot run.

Usage: branches.py EXECUTABLE [EXECUTABLE...]

The first one has the planted leaks (examples/taint.rs). The others are programs that link the crate, with their symbols.

The functions are those of the lanes (AVX-512) and SHA-256 by the processor's instructions. What they load from memory
counts as secret, and so does all that leaves a vector or mask register; their arguments (addresses and lengths) do not,
nor what is read from the stack where a value that is not secret was put, as the compiler does with loop counters. That
spreads through registers and flags along every path. A conditional jump on secret flags, an address with a secret
register, a division, and a call or jump through a register are reported. Functions with
planted leaks have to be reported, or nothing is worth anything.
"""
import re
import subprocess
import sys

# name: how many there have to be at least
CHECKED = {
    r"p256_sign::lanes::sum::multiply": 1,
    r"p256_sign::lanes::sum::(add|double|read|digit|vector|lanes)": 0,
    r"p256_sign::lanes::field::Field::\w+": 0,
    r"sha2::sha256::x86_sha::compress": 1,
}
PLANTED = ["planted_branch", "planted_address", "planted_branch_on_stack"]

WIDE = ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp"]
REGISTERS = {}
for name in WIDE:
    for alias in ("r" + name, "e" + name, name, name + "l" if name in ("si", "di", "bp", "sp") else name[0] + "l", name[0] + "h"):
        REGISTERS.setdefault(alias, "r" + name)
for number in range(8, 16):
    for suffix in ("", "d", "w", "b"):
        REGISTERS[f"r{number}{suffix}"] = f"r{number}"
WIDE_NAMES = {"r" + name for name in WIDE} | {f"r{number}" for number in range(8, 16)}
MEMORY = re.compile(r"(?:%\ws:)?(-?0x[0-9a-f]+|-?\d+)?\(([^)]*)\)")
NO_FLAGS = ("mov", "lea", "push", "pop", "not", "bswap", "mulx", "rorx", "shlx", "shrx", "sarx", "nop", "vzeroupper",
            "cmov", "set", "j", "call", "ret", "xchg", "prefetch", "endbr", "ud2", "lfence")
FLAGS_FROM_VECTORS = ("kortest", "ktest", "ptest", "vptest", "vtest", "comis", "ucomis", "vcomis", "vucomis")


def operands(text):
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    return [part for part in parts + [current.strip()] if part]


def general(operand):
    match = re.fullmatch(r"%(\w+)", operand)
    return REGISTERS.get(match[1]) if match else None


class State:
    """Registers, and flags, that may be secret; parts of the stack, four bytes each, that are not."""

    def __init__(self, secret=(), public=()):
        self.secret = set(secret)
        self.public = set(public)

    def joined(self, other):
        return State(self.secret | other.secret, self.public & other.public)


def address(operand):
    """Registers of a memory operand and, for a fixed place on the stack, its offset."""
    match = MEMORY.search(operand)
    if not match:
        return None
    parts = [part.strip().lstrip("%") for part in match[2].split(",")]
    registers = [REGISTERS[part] for part in parts[:2] if part in REGISTERS]
    slot = int(match[1] or "0", 0) if registers == ["rsp"] and len(parts) == 1 else None
    return registers, slot


def width(parts, name):
    """Bytes of an access to memory, as far as it matters: four, eight, or more."""
    if any(re.match(r"%[xyzk]", part) for part in parts):
        return 64
    for part in parts:
        match = re.fullmatch(r"%(\w+)", part)
        if match:
            eight = match[1] in WIDE_NAMES
            return 8 if eight else 4
    return 8 if name.endswith("q") else 4


def units(slot, size):
    return range(slot // 4, (slot + size + 3) // 4)


def step(line, state, report):
    """The state after an instruction."""
    _, name, text = line
    name = re.sub(r"^(lock|rep\w*|bnd|data16|cs|notrack)\s+", "", name)
    parts = operands(text)
    after = State(state.secret, state.public)
    size = width(parts, name)

    def reads(operand):
        register = general(operand)
        if register:
            return register in state.secret
        place = address(operand)
        if place:
            registers, slot = place
            if slot is not None:
                return not all(place in state.public for place in units(slot, size))
            # constants of the program have no register
            return registers != []
        if operand.startswith("%"):
            return True  # vectors and masks
        return False

    if not name.startswith(("lea", "nop")):
        for operand in parts:
            place = address(operand)
            if place and any(register in state.secret for register in place[0]):
                report(line, "address depends on a secret")
    if name.startswith("j") and name != "jmp":
        if "flags" in state.secret:
            report(line, "branch depends on a secret")
        return after
    if name.startswith(("div", "idiv")):
        report(line, "division")
    if name.startswith("call"):
        if text.startswith("*%"):
            report(line, "call through a register")
        # what a function returns here is nothing, or an address
        after.secret -= {"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "flags"}
        return after
    if name == "jmp":
        if text.startswith("*"):
            report(line, "jump through a register or table")
        return after
    if not parts:
        return after
    target = parts[-1]
    sources = parts[:-1]
    if name.startswith("lea"):
        registers, _ = address(parts[0])
        secret = any(register in state.secret for register in registers)
    else:
        secret = any(reads(operand) for operand in sources)
    only_moves = name.startswith(("mov", "lea", "kmov", "vmov", "vpextr", "pextr", "vpcompress", "set", "pop", "rorx"))
    clears = name.startswith(("xor", "sub", "vpxor", "vxor", "pxor")) and len(parts) > 1 and len(set(parts)) == 1
    if len(parts) == 1 and not name.startswith(("set", "pop")):
        secret = reads(target)
    elif not only_moves and not clears:
        secret = secret or reads(target)
    if name.startswith(("adc", "sbb", "cmov", "set", "rcl", "rcr")):
        secret = secret or "flags" in state.secret
    if clears:
        secret = False
    if name.startswith(FLAGS_FROM_VECTORS):
        after.secret.add("flags")
        return after
    is_vector = name.startswith(("v", "k", "sha", "p")) and not name.startswith(("push", "pop")) or "%xmm" in text
    if not name.startswith(NO_FLAGS) and not is_vector:
        (after.secret.add if secret else after.secret.discard)("flags")
    if name.startswith(("cmp", "test", "push", "bt ")):
        return after
    targets = [target]
    if name.startswith("mulx"):
        targets = parts[-2:]
        secret = secret or "rdx" in state.secret
    elif name.startswith(("mul", "imul")) and len(parts) == 1:
        secret = secret or "rax" in state.secret
        targets = ["%rax", "%rdx"]
    elif name.startswith("xchg"):
        targets = parts
    for target in targets:
        register = general(target)
        if register:
            (after.secret.add if secret else after.secret.discard)(register)
            continue
        place = address(target)
        if place and place[1] is not None:
            change = after.public.difference_update if secret else after.public.update
            change(units(place[1], size))
    return after


def check(name, lines):
    """What an instruction of a function does that it must not."""
    at_address = {line[0]: at for at, line in enumerate(lines)}
    found = {}
    before = {0: State()}
    work = [0]
    while work:
        at = work.pop()
        line = lines[at]
        # the compiler keeps a value that it spills where no address is taken, so only direct writes change `public`
        state = step(line, before[at], lambda line, what: found.setdefault(line[0], (line, what)))
        following = []
        if line[1].startswith("j"):
            match = re.match(r"([0-9a-f]+)", line[2])
            if match and match[1] in at_address:
                following.append(at_address[match[1]])
        if line[1] not in ("jmp", "ret", "ud2") and at + 1 < len(lines):
            following.append(at + 1)
        for other in following:
            joined = state if other not in before else before[other].joined(state)
            if other not in before or (joined.secret, joined.public) != (before[other].secret, before[other].public):
                before[other] = joined
                work.append(other)
    jumps = sum(line[1].startswith("j") and line[1] != "jmp" for line in lines)
    print(f"{name}: {len(lines)} instructions, {jumps} conditional jumps, {len(found)} on secrets")
    return list(found.values())


def functions(executable):
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-C", executable], check=True, capture_output=True,
                          text=True).stdout
    result = []
    for part in re.split(r"\n(?=[0-9a-f]+ <)", text):
        head, _, body = part.partition("\n")
        name = re.match(r"[0-9a-f]+ <(.*)>:", head)
        if not name:
            continue
        lines = []
        for line in body.splitlines():
            match = re.match(r"\s+([0-9a-f]+):\t(?:(?:lock|rep\w*|bnd|data16|notrack|cs) )*(\S+)\s*([^#<]*)", line)
            if match:
                lines.append((match[1], match[2], match[3].strip()))
        result.append((name[1], lines))
    return result


def main():
    failed = False
    for at, executable in enumerate(sys.argv[1:]):
        print(f"{executable}:")
        everything = functions(executable)
        for pattern, least in CHECKED.items():
            chosen = [(name, lines) for name, lines in everything if re.fullmatch(pattern, name)]
            if len(chosen) < least:
                print(f"branches: FAILED: there is no function {pattern}", file=sys.stderr)
                failed = True
            for name, lines in chosen:
                for line, what in check(name, lines):
                    print(f"branches: FAILED: {name}: {what}: {' '.join(line)}", file=sys.stderr)
                    failed = True
        for planted in PLANTED if at == 0 else []:
            chosen = [(name, lines) for name, lines in everything if name.endswith("::" + planted)]
            if not chosen or not check(*chosen[0]):
                print(f"branches: FAILED: the planted leak of {planted} was not found", file=sys.stderr)
                failed = True
    if not failed:
        print("branches: OK, planted leaks were found")
    sys.exit(failed)


main()
