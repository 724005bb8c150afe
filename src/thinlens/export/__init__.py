"""Programs in the formats of other engines, one file per target: what it supports, how it is written."""
