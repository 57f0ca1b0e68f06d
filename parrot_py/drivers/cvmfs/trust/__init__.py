"""Why a revision is believed, from the master key on; what was proven before; who may see it."""
