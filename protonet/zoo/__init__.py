"""The zoo: the classic nets as definitions of our own, listed, shown, copied and compared."""
