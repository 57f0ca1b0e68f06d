"""How bytes come from servers: ways, connections, time-outs, failures, repetitions (docs/network.md)."""
