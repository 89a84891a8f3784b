"""The version of the whole product: one for all services, images and the page."""

VERSION = "0.1.0"
