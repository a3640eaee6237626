"""Sound to containers of codes and back, and codes from one home to another without any model, at flat memory."""

from giblet.transcoding.decoding import codes_to_sound, sound_to_sound
from giblet.transcoding.encoding import sound_to_codes
from giblet.transcoding.models import find_maker, header_of
from giblet.transcoding.moving import codes_to_codes
from giblet.transcoding.names import Job, default_output, plan
from giblet.transcoding.result import LIMIT, Transcoding
from giblet.transcoding.stores import codes_to_store, store_to_codes
from giblet.transcoding.transcoder import Transcoder

__all__ = [
    "LIMIT",
    "Job",
    "Transcoder",
    "Transcoding",
    "codes_to_codes",
    "codes_to_sound",
    "codes_to_store",
    "default_output",
    "find_maker",
    "header_of",
    "plan",
    "sound_to_codes",
    "sound_to_sound",
    "store_to_codes",
]
