"""ReactioNet: builder, and a rendered demo release in its raw layout."""
