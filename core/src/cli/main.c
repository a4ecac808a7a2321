/*
 * main.c - the avcl program: LuaJIT, the place of its Lua files, and nothing else.
 *
 * Everything a user sees is lua/avcl/cli; C keeps what Lua cannot do: signals.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "avcl/host.h"
#include "cli/signals.h"
#include "cli/threads.h"

enum { EXIT_BUG = 70 };

/* Where this program lies: "/usr/bin" of "/usr/bin/avcl". 0 when the kernel does not say.
 */
static int find_folder(char folder[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (n <= 0) return 0;
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash) return 0;
    *slash = '\0';
    return 1;
}

/* Our files come before anything of the environment, which stays usable behind them. */
static void set_path(lua_State *L, const char *folder)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    const char *old = lua_tostring(L, -1);
    lua_pushfstring(L, "%s/../share/avcl/lua/?.lua;%s/../share/avcl/lua/?/init.lua;%s",
                    folder, folder, old ? old : "");
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

/* require 'avcl.cli'(argv...) returns the exit code. */
static int start(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    luaL_openlibs(L);
    set_path(L, lua_tostring(L, 3));
    lua_getglobal(L, "require");
    lua_pushliteral(L, "avcl.cli");
    lua_call(L, 1, 1);
    for (int i = 0; i < argc; i++)
        lua_pushstring(L, argv[i]);
    lua_call(L, argc, 1);
    return 1;
}

static int report(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "avcl: %s\n", text ? text : "error that is not text");
    return EXIT_BUG;
}

int main(int argc, char **argv)
{
    char folder[PATH_MAX];
    avcl__threads_remember(argv);
    if (!find_folder(folder)) {
        fprintf(stderr, "avcl: cannot tell where this program lies (/proc/self/exe)\n");
        return EXIT_BUG;
    }
    avcl__signals_install();
    avcl_crash_watch();
    lua_State *L = luaL_newstate();
    if (!L) {
        fprintf(stderr, "avcl: out of memory\n");
        return EXIT_BUG;
    }
    lua_pushcfunction(L, start);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    lua_pushstring(L, folder);
    int code = lua_pcall(L, 3, 1, 0) ? report(L) : (int)lua_tointeger(L, -1);
    lua_close(L);
    if (fflush(stdout) || ferror(stdout)) code = code ? code : 1;
    return code;
}
