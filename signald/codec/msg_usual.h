/* msg_usual.h: relayed messages in the form in which our own clients write
 * them.
 */
#ifndef SIGNALD_CODEC_MSG_USUAL_H
#define SIGNALD_CODEC_MSG_USUAL_H

#include "codec/msg.h"

/*
 * Read a message for one peer that is written like
 *
 *   {"type":"offer","to":"ID","ti":7,"n":2,"p":1,"sn":3,"description":{...}}
 *
 * with or without each of the numbers, nothing else, and no blanks around its
 * members. That takes a quarter of what members in any order take, and comes to
 * the same end: what it reads is what msg_parse() would.
 *
 * msg  zero; undefined when false is returned
 *
 * Returns false for everything else, whether it is a message or not.
 */
bool msg_read_usual(struct span text, struct msg *msg);

#endif
