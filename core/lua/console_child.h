/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts that the prompt runs in the background, each a child of this executable. */
#ifndef LUA_CONSOLE_CHILD_H
#define LUA_CONSOLE_CHILD_H

#include "lua/internal.h"

void open_console_child(lua_State *L);
/* console.spawn(arguments, on_line, on_end) -> child; raises E-LIMIT */
int console_spawn(lua_State *L);

#endif
