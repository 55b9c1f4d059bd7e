#!/usr/bin/env python3
"""Compares signatures for given nonces with Intel's crypto_mb, and says how long that takes for one.

Usage: cargo run --release --example given | crypto_mb.py LIBRARY

LIBRARY is libcrypto_mb.so of the wheel `ipp-crypto`, which needs the libraries of `intel-cmplr-lib-rt` beside it
(pip install ipp-crypto intel-cmplr-lib-rt), and a processor with AVX-512 IFMA.
"""
import ctypes
import os
import sys
import time

LANES = 8


def pointers(parts):
    return (ctypes.c_void_p * LANES)(*[ctypes.addressof(part) for part in parts])


def bytes_of(number):
    return ctypes.create_string_buffer(number, 32)


def main():
    folder = os.path.dirname(os.path.abspath(sys.argv[1]))
    for name in ("libintlc.so.5", "libirng.so", "libimf.so", "libsvml.so", "libirc.so"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    sign = ctypes.CDLL(sys.argv[1]).mbx_nistp256_ecdsa_sign_mb8
    lines = [[bytes.fromhex(part) for part in line.split()] for line in sys.stdin]
    lines = lines[: len(lines) // LANES * LANES]
    differences = 0
    spent = 0
    for at in range(0, len(lines), LANES):
        batch = lines[at : at + LANES]
        r, s = [[ctypes.create_string_buffer(32) for _ in batch] for _ in "rs"]
        digests = [bytes_of(line[1]) for line in batch]
        # numbers have their least significant word first
        nonces = [bytes_of(line[2][::-1]) for line in batch]
        keys = [bytes_of(line[0][::-1]) for line in batch]
        arguments = [pointers(part) for part in (r, s, digests, nonces, keys)]
        begin = time.thread_time_ns()
        status = sign(*arguments, None)
        spent += time.thread_time_ns() - begin
        if status != 0:
            sys.exit(f"crypto_mb: FAILED: status {status:#x}")
        differences += sum((a.raw, b.raw) != (line[3], line[4]) for a, b, line in zip(r, s, batch))
    print(f"crypto_mb: {spent / 1000 / len(lines):.2f} µs of processor time a signature, nonce not included")
    if differences or not lines:
        sys.exit(f"crypto_mb: FAILED: {differences} of {len(lines)} signatures differ")
    print(f"crypto_mb: OK, {len(lines)} signatures are equal")


main()
