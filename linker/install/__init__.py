"""Kernel installation: when a kernel is installed, an annotated one gets bound siblings and boot entries naming them.

    hooks/              what the system runs: a plugin of kernel-install(8), scripts of Debian's /etc/kernel,
                        and one of grub-mkconfig
    cli.py              previrt-install, which they become
    kernel_install.py   the rules of kernel-install(8)
    debian.py           the rules of Debian's kernel packages
    siblings.py         bound images beside the installed one
    entries.py          boot entries (Boot Loader Specification, type 1)
    setup.py            puts the hooks where the system looks

A sibling is on the disk before an entry names it, and an entry is gone before its sibling is; what is replaced is
replaced by a rename. So whenever a hook stops, every entry names an image that is whole, the neutral kernel's first.
"""
