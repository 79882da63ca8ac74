/* pages.c: the operators' page, which the program carries in itself: it fits
 * this API, wherever http.root is. */
#include "admin/pages.h"

/* The bytes of a file, as the Makefile's folder has it. */
#define CARRY(name, file)                         \
	__asm__(".section .rodata\n"              \
		".balign 8\n"                     \
		".global carried_" #name "\n"     \
		"carried_" #name ":\n"            \
		".incbin \"" file "\"\n"          \
		".global carried_" #name "_end\n" \
		"carried_" #name "_end:\n"        \
		".byte 0\n"                       \
		".previous\n");                   \
	extern const char carried_##name[], carried_##name##_end[]

CARRY(page, "web/operator/index.html");
CARRY(script, "web/operator/operator.js");
CARRY(style, "web/operator/operator.css");
CARRY(shared_style, "web/style.css");
CARRY(icon, "web/icon.svg");
CARRY(document, "docs/openapi.json");

/* Nothing but what is here, and nobody may show it inside a page of theirs. */
#define POLICY                                                             \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; " \
	"style-src 'self'; img-src 'self'; connect-src 'self'; "           \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"

static const struct page {
	const char *path, *content_type;
	const char *begin, *end;
} pages[] = {
	{"/", "text/html; charset=utf-8", carried_page, carried_page_end},
	{"/operator.js", "text/javascript; charset=utf-8", carried_script,
	 carried_script_end},
	{"/operator.css", "text/css; charset=utf-8", carried_style,
	 carried_style_end},
	{"/style.css", "text/css; charset=utf-8", carried_shared_style,
	 carried_shared_style_end},
	{"/icon.svg", "image/svg+xml", carried_icon, carried_icon_end},
};

static struct span bytes_of(const char *begin, const char *end)
{
	return span_of(begin, (size_t)((uintptr_t)end - (uintptr_t)begin));
}

struct span admin_pages_document(void)
{
	return bytes_of(carried_document, carried_document_end);
}

void admin_pages_handle(struct web_exchange *exchange,
			const struct web_request *request, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		const struct page *page = &pages[i];

		if (strcmp(page->path, request->path) != 0)
			continue;
		web_reply(
			exchange,
			&(struct web_response){
				.status = 200,
				.content_type = page->content_type,
				.body = span_of(
					page->begin,
					(size_t)(page->end - page->begin)),
				.headers = POLICY "Cache-Control: no-cache\r\n",
			});
		return;
	}
	web_reply_problem(exchange, 404,
			  "there is nothing here; the operators' page is /",
			  NULL);
}
