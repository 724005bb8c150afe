"""Programs that end in point sampling: of feature maps, with all channels of a pixel side by side."""
