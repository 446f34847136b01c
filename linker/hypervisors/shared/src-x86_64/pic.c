/* The 8259 pair. (Intel data sheet 8259A, 231468.) */
#include "vcpu.h"

struct pic {
    u8 irr, isr, imr, line, base, init_step, lowest;
    bool wants_icw4, auto_eoi, rotate_auto, read_isr, special_mask, poll;
};

static struct pic pics[2]; /* 0 at port 20, 1 at a0 on input 2 */

static int highest(const struct pic *pic, u8 bits)
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        unsigned irq = (pic->lowest + 1u + i) & 7;

        if (bits >> irq & 1)
            return (int)i;
    }
    return 8;
}

/* Priority rank of the request to serve, 8 when none beats what is in service. */
static int request_of(const struct pic *pic)
{
    int want = highest(pic, pic->irr & (u8)~pic->imr);
    u8 service = pic->isr;

    if (pic->special_mask)
        service &= (u8)~pic->imr;
    return want < highest(pic, service) ? want : 8;
}

static void update_cascade(void)
{
    if (request_of(&pics[1]) < 8)
        pics[0].irr |= 4;
    else
        pics[0].irr &= (u8)~4;
}

void pic_set_line(unsigned irq, bool level)
{
    struct pic *pic = &pics[irq >> 3];
    u8 bit = (u8)(1u << (irq & 7));

    if (level && !(pic->line & bit))
        pic->irr |= bit;
    if (level)
        pic->line |= bit;
    else
        pic->line &= (u8)~bit;
    update_cascade();
}

bool pic_wants_interrupt(void)
{
    return request_of(&pics[0]) < 8;
}

static unsigned acknowledge(struct pic *pic)
{
    int rank = request_of(pic);
    unsigned irq = rank < 8 ? ((unsigned)rank + pic->lowest + 1u) & 7 : 7; /* 7: spurious */

    if (rank < 8) {
        pic->irr &= (u8)~(1u << irq);
        if (!pic->auto_eoi)
            pic->isr |= (u8)(1u << irq);
        else if (pic->rotate_auto)
            pic->lowest = (u8)irq;
    }
    return irq;
}

u8 pic_acknowledge(void)
{
    unsigned irq = acknowledge(&pics[0]);
    u8 vector = (u8)(pics[0].base + irq);

    if (irq == 2) {
        irq = acknowledge(&pics[1]);
        vector = (u8)(pics[1].base + irq);
    }
    update_cascade();
    return vector;
}

static void initialise(struct pic *pic, u8 icw1)
{
    *pic = (struct pic){.line = pic->line, .lowest = 7, .init_step = 1, .wants_icw4 = icw1 & 1};
}

static void command(struct pic *pic, u8 value)
{
    int rank;
    unsigned irq;

    if (value & 0x10) {
        initialise(pic, value);
    } else if (value & 8) { /* OCW3 */
        if (value & 4)
            pic->poll = true;
        if (value & 2)
            pic->read_isr = value & 1;
        if (value & 0x40)
            pic->special_mask = (value >> 5) & 1;
    } else { /* OCW2: rotate, specific, end of interrupt */
        switch (value >> 5) {
        case 0:
        case 4:
            pic->rotate_auto = value >> 7;
            break;
        case 1:
        case 5:
            rank = highest(pic, pic->isr);
            if (rank < 8) {
                irq = ((unsigned)rank + pic->lowest + 1u) & 7;
                pic->isr &= (u8)~(1u << irq);
                if (value & 0x80)
                    pic->lowest = (u8)irq;
            }
            break;
        case 3:
        case 7:
            pic->isr &= (u8)~(1u << (value & 7));
            if (value & 0x80)
                pic->lowest = value & 7;
            break;
        case 6:
            pic->lowest = value & 7;
            break;
        default:
            break;
        }
    }
}

void pic_out(u16 port, u8 value)
{
    struct pic *pic = &pics[port >> 7];

    if (!(port & 1)) {
        command(pic, value);
    } else if (pic->init_step == 0) {
        pic->imr = value;
    } else if (pic->init_step == 1) {
        pic->base = value & 0xf8;
        pic->init_step = 2;
    } else if (pic->init_step == 2) {
        pic->init_step = pic->wants_icw4 ? 3 : 0;
    } else {
        pic->auto_eoi = (value >> 1) & 1;
        pic->init_step = 0;
    }
    update_cascade();
}

u8 pic_in(u16 port)
{
    struct pic *pic = &pics[port >> 7];

    if (pic->poll) {
        int rank = request_of(pic);

        pic->poll = false;
        return rank < 8 ? (u8)(0x80 | acknowledge(pic)) : 0;
    }
    if (port & 1)
        return pic->imr;
    return pic->read_isr ? pic->isr : pic->irr;
}

void pic_init(void)
{
    pics[0].lowest = pics[1].lowest = 7;
    pics[0].imr = pics[1].imr = 0xff;
}
