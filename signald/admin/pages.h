/* pages.h: the operators' page, which the program carries in itself. */
#ifndef SIGNALD_ADMIN_PAGES_H
#define SIGNALD_ADMIN_PAGES_H

#include "net/web.h"

/* "/" and what it loads; 404 for others. arg is not used. */
web_handler admin_pages_handle;

/* docs/openapi.json */
struct span admin_pages_document(void);

#endif
