/* ctl_print.c: answers of the admin API as tables for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl_print.h"

#define MAX_COLUMNS 10
#define CELL_CAP 520

static bool is_of_words(const json_t *array)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return json_array_size(array);
}

/* Append, as far as there is room. */
static void add(char cell[CELL_CAP], const char *separator, const char *text)
{
	size_t len = strlen(cell);

	(void)snprintf(cell + len, CELL_CAP - len, "%s%s", len ? separator : "",
		       text);
}

/* "udp,tcp" */
static void write_words(const json_t *array, char cell[CELL_CAP])
{
	const json_t *item;
	size_t i;

	*cell = '\0';
	json_array_foreach(array, i, item)
	{
		add(cell, ",", json_string_value(item));
	}
}

static void write_cell(const json_t *value, char cell[CELL_CAP]);

/* "peers 2, allocations 4" */
static void write_members(const json_t *object, char cell[CELL_CAP])
{
	char text[CELL_CAP];
	const char *name;
	const json_t *value;

	*cell = '\0';
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		write_cell(value, text);
		add(cell, ", ", name);
		add(cell, " ", text);
	}
}

static void write_cell(const json_t *value, char cell[CELL_CAP])
{
	if (json_is_string(value))
		(void)snprintf(cell, CELL_CAP, "%s", json_string_value(value));
	else if (json_is_integer(value))
		(void)snprintf(cell, CELL_CAP, "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(cell, CELL_CAP, "%s",
			       json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value) && is_of_words(value))
		write_words(value, cell);
	else if (json_is_array(value))
		(void)snprintf(cell, CELL_CAP, "%zu", json_array_size(value));
	else if (json_is_object(value))
		write_members(value, cell);
	else
		(void)snprintf(cell, CELL_CAP, "-");
}

/* Characters, as far as UTF-8 tells. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *cell, int width)
{
	(void)printf("%s%*s", cell, width ? width - width_of(cell) + 2 : 0, "");
}

static size_t measure(const json_t *rows, const struct ctl_column *columns,
		      int widths[MAX_COLUMNS])
{
	size_t count = 0;

	for (; count < MAX_COLUMNS && columns[count].title; count++) {
		char cell[CELL_CAP];
		const json_t *row;
		size_t i;

		widths[count] = width_of(columns[count].title);
		json_array_foreach(rows, i, row)
		{
			write_cell(json_object_get(row, columns[count].member),
				   cell);
			if (width_of(cell) > widths[count])
				widths[count] = width_of(cell);
		}
	}
	if (count)
		widths[count - 1] = 0; /* nothing is behind it */
	return count;
}

void ctl_print_table(const json_t *rows, const struct ctl_column *columns)
{
	int widths[MAX_COLUMNS];
	size_t count = measure(rows, columns, widths);
	const json_t *row;
	size_t i;

	for (size_t c = 0; c < count; c++)
		print_cell(columns[c].title, widths[c]);
	(void)puts("");
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < count; c++) {
			char cell[CELL_CAP];

			write_cell(json_object_get(row, columns[c].member),
				   cell);
			print_cell(cell, widths[c]);
		}
		(void)puts("");
	}
}

void ctl_print_object(const json_t *object)
{
	const char *name;
	const json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		char cell[CELL_CAP];

		write_cell(value, cell);
		(void)printf("%-16s %s\n", name, cell);
	}
}

static void print_endpoint(const json_t *endpoint)
{
	char round_trip[CELL_CAP], error[CELL_CAP];

	write_cell(json_object_get(endpoint, "roundTripMs"), round_trip);
	write_cell(json_object_get(endpoint, "error"), error);
	(void)printf("  %-7s %-28s %-8s %s ms%s%s\n",
		     json_string_value(json_object_get(endpoint, "transport")),
		     json_string_value(json_object_get(endpoint, "address")),
		     json_string_value(json_object_get(endpoint, "state")),
		     round_trip, strcmp(error, "-") ? "  " : "",
		     strcmp(error, "-") ? error : "");
}

void ctl_print_pool(const json_t *pool)
{
	static const struct ctl_column columns[] = {
		{"SERVER", "name"},	{"HOST", "host"},
		{"REGION", "region"},	{"WEIGHT", "weight"},
		{"DRAINED", "drained"}, {"OFFERED", "offered"},
		{"SAFETY", "safety"},	{NULL, NULL}};
	const json_t *servers = json_object_get(pool, "servers");

	(void)printf("clients are given TURN: %s\n",
		     json_is_true(json_object_get(pool, "alive")) ? "yes"
								  : "no");
	if (!json_array_size(servers))
		return;
	ctl_print_table(servers, columns);
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const json_t *ways = json_object_get(server, "endpoints");

		(void)printf("%s:\n", json_string_value(
					      json_object_get(server, "name")));
		for (size_t j = 0; j < json_array_size(ways); j++)
			print_endpoint(json_array_get(ways, j));
	}
}

void ctl_print_event(struct span json)
{
	json_t *event = json_loadb(json.ptr, json.len, 0, NULL);
	const char *name;
	const json_t *value;
	char cell[CELL_CAP];

	write_cell(json_object_get(event, "time"), cell);
	(void)printf("%s", cell);
	write_cell(json_object_get(event, "event"), cell);
	(void)printf(" %s", cell);
	json_object_foreach(event, name, value)
	{
		if (!strcmp(name, "time") || !strcmp(name, "event") ||
		    !strcmp(name, "level"))
			continue;
		write_cell(value, cell);
		(void)printf(" %s=%s", name, cell);
	}
	(void)puts("");
	(void)fflush(stdout);
	json_decref(event);
}
