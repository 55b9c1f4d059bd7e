"""The two verifiers, asked about the same octets."""
import importlib, io, os, contextlib, subprocess, sys

REFUSALS = {1, 2, 3, 4}  # documented ends of `verify` and its sisters that are not an acceptance


class Crashed(Exception):
    """A verifier came to no verdict."""


class First:
    """The program."""

    def __init__(self, program):
        self.program = program

    def ask(self, command, what, batch, options=()):
        source, issuer, manifest = batch.anchors
        anchors = ["--source-anchor", source, "--issuer-anchor", issuer, "--manifest-anchor", manifest]
        done = subprocess.run([self.program, "--allow-shared", command, what, *anchors, *options],
                              capture_output=True, timeout=120, cwd=os.path.dirname(what))
        text = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode and done.returncode not in REFUSALS or "panicked" in text:
            raise Crashed(f"exit {done.returncode}: {text[-600:]}")
        return done.returncode == 0, text


class Second:
    """docs/verifier, imported."""

    def __init__(self, folder):
        sys.dont_write_bytecode = True
        sys.path.insert(0, folder)
        self.batch, self.proof = importlib.import_module("verify_batch"), importlib.import_module("verify_proof")

    def ask(self, what, batch, options=()):
        module = self.batch if os.path.isdir(what) else self.proof
        verify = module.verify_folder if os.path.isdir(what) else module.verify_proof
        anchors = [[open(one, "rb").read()] for one in batch.anchors]
        try:
            return True, str(self.batch.judged(verify, what, *anchors, **dict(options)))
        except self.batch.Refused as reason:
            return False, str(reason)
