"""A dialect that is declared: JSON over POST at a path of the operator's choice, its places named as JSON Pointers.

`pointers` finds the places, `dialect` reads a document by what the configuration says of its route.
"""
