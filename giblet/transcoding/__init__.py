"""Sound to containers of codes and back, and codes from one home to another without any model, at flat memory."""

from giblet.transcoding.decoding import codes_to_sound, sound_to_sound
from giblet.transcoding.encoding import sound_to_codes
from giblet.transcoding.moving import codes_to_codes
from giblet.transcoding.names import default_output
from giblet.transcoding.result import LIMIT, Transcoding

__all__ = [
    "LIMIT",
    "Transcoding",
    "codes_to_codes",
    "codes_to_sound",
    "default_output",
    "sound_to_codes",
    "sound_to_sound",
]
