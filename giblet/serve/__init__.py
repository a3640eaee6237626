"""A small web service: sound to containers of codes and back, with one page to drop files on."""
