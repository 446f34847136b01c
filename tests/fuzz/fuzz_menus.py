"""Boot menus of a guest's disk, damaged: previrt-xl must read any text in bounded time."""

from __future__ import annotations

import random
import traceback

from fuzz_oracles import Finding, TooSlow, in_time

from linker.errors import LinkError
from linker.xl.menus import parse_extlinux, parse_grub2, parse_menu_lst

GRUB2 = """\
set default="${next_entry}"
if [ "${a}" ] ; then
   set default="0"
fi
set timeout=5
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-89b0' {
	linux	/boot/vmlinuz-6.1.0 root=UUID=89b0 ro  quiet
	initrd	/boot/initrd.img-6.1.0
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-89b0' {
	menuentry "Debian, with Linux 6.1.0" { linux /boot/vmlinuz-6.1.0 single ; initrd /boot/initrd.img-6.1.0 }
}
"""
EXTLINUX = "default linux\nlabel linux\n  menu label ^Linux\n  kernel ../vmlinuz\n  append initrd=/initrd.img ro\n"
MENU_LST = "default 0\ntitle Linux\nroot (hd0,0)\nkernel /boot/vmlinuz ro\ninitrd /boot/initrd.img\n"
READERS = ((parse_grub2, GRUB2), (parse_extlinux, EXTLINUX), (parse_menu_lst, MENU_LST))
WORDS = ("{", "}", "'", '"', "$", "${a}", "\\", "\n", ";", "#", "set a=$a$a\n", "\0", "\x1b[2J", "é", " ", "menuentry ")
SECONDS = 2.0


def try_menu(choose: random.Random) -> tuple[bytes, list[Finding]]:
    """A damaged menu, and what it showed."""
    read, text = choose.choice(READERS)
    for _ in range(choose.randint(1, 6)):
        at, end = sorted(choose.choices(range(len(text) + 1), k=2))
        kind = choose.random()
        if kind < 0.5:
            text = text[:at] + choose.choice(WORDS) * choose.choice((1, 1, 2, 40)) + text[at:]
        elif kind < 0.8:
            text = text[:at] + text[min(end, at + 8) :]
        else:
            text = text[:at] + text[at:end] * 2 + text[end:]
    try:
        with in_time(SECONDS):
            read(text)
    except LinkError:
        pass
    except (Exception, TooSlow):
        return text.encode(), [Finding("menu", read.__name__, traceback.format_exc())]
    return text.encode(), []
