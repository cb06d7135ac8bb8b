"""The servers that are compared. A new one is a module here and its class in ALL, the first of which is ambit."""

from .ambit import Ambit
from .hyper import Hyper
from .kore import Kore
from .nginx import Nginx
from .nio import NIO

ALL = [Ambit, Nginx, Kore, Hyper, NIO]
