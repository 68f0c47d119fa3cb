"""Simulated worlds: the clients and the sandbox in one process, under a virtual clock and a network that fails.

Every decision of a world comes from one seed: what people do, when, and what goes wrong. A failure is replayed by its
seed, and made smaller by making its decisions harmless one after another. See docs/guarantees.md.
"""
