"""Boot menus as previrt-xl reads them, and which entry it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from xl_disks import guest_files, make_file_system, make_tree

from linker.xl.choose import choose, find_menu
from linker.xl.disk import open_disk
from linker.xl.menus import parse_extlinux, parse_grub2, parse_menu_lst

if TYPE_CHECKING:
    from pathlib import Path

# Shortened from what Debian's grub-mkconfig writes.
DEBIAN = """\
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  fi
}
set timeout=5
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-89b0' {
	load_video
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	set root='hd0,msdos1'
	if [ x$feature_platform_search_hint = xy ]; then
	search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1  89b0
	fi
	echo	'Loading Linux 6.1.0-9-amd64 ...'
	linux	/boot/vmlinux-6.1.0-9-amd64 root=UUID=89b0 ro  quiet $vt_handoff
	initrd	/boot/initrd.img-6.1.0-9-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-89b0' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-9-amd64' --id 'gnulinux-9' {
		linux	/boot/vmlinux-6.1.0-9-amd64 root=UUID=89b0 ro
		initrd	/boot/initrd.img-6.1.0-9-amd64
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-8-amd64' --id 'gnulinux-8' {
		linux	(hd0,msdos1)/boot/vmlinux-6.1.0-8-amd64 root=UUID=89b0 \\
			"with blanks=a b"
		initrd	/boot/ucode.img /boot/initrd.img-6.1.0-8-amd64
	}
}
menuentry 'Debian GNU/Linux, with Xen hypervisor' {
	multiboot2	/boot/xen-4.17-amd64.gz placeholder
	module2	/boot/vmlinuz-6.1.0-9-amd64 placeholder root=UUID=89b0
}
"""


def test_debians_grub_cfg() -> None:
    menu = parse_grub2(DEBIAN)
    simple, nine, eight = menu.entries
    assert menu.default == "0"
    assert menu.chosen(None) == simple
    assert simple.kernel == "/boot/vmlinux-6.1.0-9-amd64"
    assert (simple.args, simple.ramdisks) == ("root=UUID=89b0 ro quiet", ("/boot/initrd.img-6.1.0-9-amd64",))
    assert eight.kernel == "/boot/vmlinux-6.1.0-8-amd64"
    assert eight.args == 'root=UUID=89b0 "with blanks=a b"'
    assert eight.ramdisks == ("/boot/ucode.img", "/boot/initrd.img-6.1.0-8-amd64")
    assert nine.title == "Debian GNU/Linux, with Linux 6.1.0-9-amd64"


@pytest.mark.parametrize(
    ("default", "position"),
    [
        ("0", 0),
        ("1", 1),  # a submenu: its first
        ("1>1", 2),
        ("Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-8-amd64", 2),
        ("gnulinux-advanced-89b0>gnulinux-8", 2),
        ("gnulinux-simple-89b0", 0),
        ("2", 0),  # Xen itself: not for a domain
        ("nonsense", 0),
    ],
)
def test_grubs_ways_to_name_the_default(default: str, position: int) -> None:
    menu = parse_grub2(DEBIAN)._replace(default=default)
    assert menu.chosen(None) == menu.entries[position]


def test_an_entry_by_number_or_title() -> None:
    menu = parse_grub2(DEBIAN)
    assert menu.chosen("2") == menu.entries[2]
    assert menu.chosen("Debian GNU/Linux, with Linux 6.1.0-8-amd64") == menu.entries[2]
    assert menu.chosen("1>1") == menu.entries[2]
    assert menu.chosen("3") is None


def test_extlinux() -> None:
    menu = parse_extlinux(
        "DEFAULT second\nPROMPT 0\nTIMEOUT 10\n"
        "LABEL first\n\tKERNEL vmlinux-1 quiet\n\tAPPEND root=/dev/xvda initrd=initrd-1,more ro\n"
        "# comment\nlabel second\n  menu label ^Second kernel\n  linux /boot/vmlinux-2\n  initrd ../initrd-2\n",
        "/boot/extlinux",
    )
    first, second = menu.entries
    assert first[:4] == (
        "first",
        "/boot/extlinux/vmlinux-1",
        ("/boot/extlinux/initrd-1", "/boot/extlinux/more"),
        "quiet root=/dev/xvda ro",
    )
    assert second[:4] == ("Second kernel", "/boot/vmlinux-2", ("/boot/extlinux/../initrd-2",), "")
    assert menu.chosen(None) == second
    assert menu.chosen("first") == first


def test_menu_lst() -> None:
    menu = parse_menu_lst(
        "default=1\ntimeout 3\ntitle One\nroot (hd0,0)\nkernel /boot/vmlinux-1 root=/dev/xvda1 ro\n"
        "title Two\nroot (hd0,0)\nkernel (hd0,0)/boot/vmlinux-2\ninitrd /boot/initrd-2\n"
    )
    one, two = menu.entries
    assert one[:4] == ("One", "/boot/vmlinux-1", (), "root=/dev/xvda1 ro")
    assert two[:4] == ("Two", "/boot/vmlinux-2", ("/boot/initrd-2",), "")
    assert menu.chosen(None) == two


@pytest.mark.parametrize(
    "text", ["", "}\n}\n", "menuentry {\n}", "{", "menuentry 'x' {\nlinux", "'", "set default\nlinux x", "title\nlabel"]
)
def test_nonsense_has_no_entries(text: str) -> None:
    assert not parse_grub2(text).entries
    assert not parse_extlinux(text).entries
    assert not parse_menu_lst(text).entries


def test_without_a_menu_the_newest_kernel(tmp_path: Path) -> None:
    names = ["vmlinux-6.1.9", "vmlinux-6.1.10", "vmlinux-5.10", "initrd.img-6.1.10", "vmlinuz-7.0", "System.map-7.0"]
    tree = make_tree(tmp_path / "tree", {f"boot/{name}": b"x" for name in names})
    with open_disk(str(make_file_system(tmp_path / "disk", tree, size_mib=2))) as disk:
        _, menu = find_menu(disk, None)
        assert [entry.title for entry in menu.entries] == ["vmlinux-6.1.10", "vmlinux-6.1.9", "vmlinux-5.10"]
        chosen = choose(disk, None, None)
    assert (chosen.kernel.path, chosen.ramdisks[0].path) == ("/boot/vmlinux-6.1.10", "/boot/initrd.img-6.1.10")


def test_links_stay_on_the_disk(tmp_path: Path) -> None:
    """Absolute, relative, long, through folders: all are walked on the disk, whatever the host has there."""
    long = "x" * 70
    files = {
        **guest_files("boot/extlinux.conf", "label a\nkernel /vmlinux\ninitrd /initrd\nlabel b\nkernel /up\n"),
        "vmlinux": "->boot/current/vmlinux",
        "boot/current": "->/boot",
        "boot/vmlinux": "->vmlinux-6.1",
        "initrd": f"->/boot/{long}",
        f"boot/{long}": "->/boot/initrd.img-6.1",
        "up": "->../../../../boot/../vmlinux",
    }
    tree = make_tree(tmp_path / "tree", files)
    with open_disk(str(make_file_system(tmp_path / "disk", tree))) as disk:
        first, second = choose(disk, None, "a"), choose(disk, None, "b")
        assert first.kernel.len == second.kernel.len == (tree / "boot/vmlinux-6.1").stat().st_size
        assert first.file_system.read(first.ramdisks[0], 4096) == (tree / "boot/initrd.img-6.1").read_bytes()
