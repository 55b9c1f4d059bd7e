"""The two verifiers, asked about the same bytes."""

import importlib, inspect, os, subprocess, sys

REFUSALS = {1, 2, 3, 4}  # documented ends of `verify` and its sisters that are not an acceptance


class Crashed(Exception):
    """A verifier came to no verdict."""


class First:
    """The program."""

    def __init__(self, program):
        self.program = program
        told = subprocess.run([program, "verify-proof", "--help"], capture_output=True, check=True).stdout
        self.knows_absences = b"--absent" in told  # earlier releases took one for a proof as any other

    def ask(self, command, what, batch, options=()):
        source, issuer, manifest = batch.anchors
        anchors = ["--source-anchor", source, "--issuer-anchor", issuer, "--manifest-anchor", manifest]
        options = [one for one in options if one != "--absent" or self.knows_absences]
        done = subprocess.run(
            [self.program, "--allow-shared", command, what, *anchors, *options],
            capture_output=True,
            timeout=120,
            cwd=os.path.dirname(what),
        )
        text = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode and done.returncode not in REFUSALS or "panicked" in text:
            raise Crashed(f"exit {done.returncode}: {text[-600:]}")
        return done.returncode == 0, text


class Second:
    """verifier, imported."""

    def __init__(self, folder):
        sys.dont_write_bytecode = True
        sys.path.insert(0, folder)
        self.batch, self.proof = importlib.import_module("verify_batch"), importlib.import_module("verify_proof")

    def ask(self, what, batch, options=()):
        """As the program, with what the program's options say; None if this verifier has no such question."""
        module = self.batch if os.path.isdir(what) else self.proof
        verify = module.verify_folder if os.path.isdir(what) else module.verify_proof
        more, key = {}, None
        for word in options:
            if word.startswith("--"):
                key = {"--input": "inputs", "--history": "history", "--absent": "absent", "--expect": "expect"}.get(
                    word, word
                )
                more.setdefault(key, key == "absent" or [])
            else:
                more[key].append(word)
        more.update({key: some[-1] for key, some in more.items() if key == "expect"})
        if "absent" not in inspect.signature(verify).parameters:
            more.pop("absent", None)
        if not set(more) <= set(inspect.signature(verify).parameters):
            return None, ""
        anchors = [[open(one, "rb").read()] for one in batch.anchors]
        try:
            return True, str(self.batch.judged(verify, what, *anchors, **more))
        except self.batch.Refused as reason:
            return False, str(reason)
