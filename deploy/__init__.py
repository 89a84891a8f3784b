"""Everything about running the product on servers: container files, and the checks of them."""
