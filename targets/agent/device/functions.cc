/* The C interface of TVM's FFI is all that this file uses: the libraries bring the C++ library of
   their time along, and a program with another one would take over some of its symbols. */
#include "functions.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <tvm/ffi/c_api.h>

namespace agent {

static const char *session_folder = "";
static int session_core = -1;

static TVMFFIByteArray bytes_of(const char *text)
{
    return {text, strlen(text)};
}

static TVMFFIAny as_argument(const char *text)
{
    TVMFFIAny value = {};
    value.type_index = kTVMFFIRawStr;
    value.v_c_str = text;
    return value;
}

/* Call one of TVM's functions; 0 where it returns, else its error is raised. */
static int call(const char *name, TVMFFIAny *arguments, int count, TVMFFIAny *result)
{
    TVMFFIByteArray key = bytes_of(name);
    TVMFFIObjectHandle function = nullptr;
    if (TVMFFIFunctionGetGlobal(&key, &function) != 0)
        return -1;
    if (!function) {
        TVMFFIErrorSetRaisedFromCStr("RuntimeError", "TVM's library lacks a function");
        return -1;
    }
    int failed = TVMFFIFunctionCall(function, arguments, count, result);
    TVMFFIObjectDecRef(function);
    return failed;
}

/* The text of an argument, in whichever form it comes; false where it is none. */
static bool text_of(const TVMFFIAny *value, TVMFFIByteArray *text)
{
    switch (value->type_index) {
    case kTVMFFIRawStr: *text = bytes_of(value->v_c_str); return true;
    case kTVMFFISmallStr: *text = TVMFFISmallBytesGetContentByteArray(value); return true;
    case kTVMFFIStr: *text = *TVMFFIBytesGetByteArrayPtr(value->v_obj); return true;
    default: return false;
    }
}

static bool is_file_name(const TVMFFIByteArray &name)
{
    bool is_folder = (name.size == 1 && memcmp(name.data, ".", 1) == 0) ||
                     (name.size == 2 && memcmp(name.data, "..", 2) == 0);
    return name.size > 0 && name.size <= NAME_MAX && !is_folder &&
           !memchr(name.data, '/', name.size) && !memchr(name.data, '\0', name.size);
}

/* The path in the session's folder; -1 with an error raised where the name would leave it. */
static int path_of(const TVMFFIAny *arguments, int count, char (&path)[PATH_MAX])
{
    TVMFFIByteArray name;
    if (count != 1 || !text_of(arguments, &name) || !is_file_name(name)) {
        TVMFFIErrorSetRaisedFromCStr(
            "ValueError", "files lie in the session's own folder: give a name without folders");
        return -1;
    }
    snprintf(path, sizeof path, "%s/%.*s", session_folder, static_cast<int>(name.size), name.data);
    return 0;
}

static int work_path(void *, const TVMFFIAny *arguments, int count, TVMFFIAny *result)
{
    char path[PATH_MAX];
    if (path_of(arguments, count, path) != 0)
        return -1;
    TVMFFIByteArray text = bytes_of(path);
    return TVMFFIStringFromByteArray(&text, result);
}

static int load_module(void *, const TVMFFIAny *arguments, int count, TVMFFIAny *result)
{
    char path[PATH_MAX];
    if (path_of(arguments, count, path) != 0)
        return -1;
    TVMFFIAny argument = as_argument(path);
    return call("ffi.ModuleLoadFromFile", &argument, 1, result);
}

/* "machine: " as in `uname -m`, "core: " that kernels run on, then /proc/cpuinfo. */
static int device_info(void *, const TVMFFIAny *, int, TVMFFIAny *result)
{
    // Every core repeats the same lines: of a machine with hundreds, the first say it all.
    static char text[1 << 16];
    utsname names = {};
    uname(&names);
    char core[16] = "none";
    if (session_core >= 0)
        snprintf(core, sizeof core, "%d", session_core);
    int head = snprintf(text, sizeof text, "machine: %s\ncore: %s\n", names.machine, core);
    TVMFFIByteArray all = {text, static_cast<size_t>(head)};
    if (FILE *file = fopen("/proc/cpuinfo", "r")) {
        all.size += fread(text + head, 1, sizeof text - head, file);
        fclose(file);
    }
    return TVMFFIStringFromByteArray(&all, result);
}

static void define(const char *name, TVMFFISafeCallType function)
{
    TVMFFIByteArray key = bytes_of(name);
    TVMFFIObjectHandle handle = nullptr;
    TVMFFIFunctionCreate(nullptr, function, nullptr, &handle);
    TVMFFIFunctionSetGlobal(&key, handle, 0);
    TVMFFIObjectDecRef(handle);
}

void register_functions()
{
    define("tvm.rpc.server.workpath", work_path);
    define("tvm.rpc.server.load_module", load_module);
    define("barsctl.device_info", device_info);
}

static void print_raised_error()
{
    TVMFFIObjectHandle error = nullptr;
    TVMFFIErrorMoveFromRaised(&error);
    TVMFFIByteArray message = TVMFFIErrorGetCellPtr(error)->message;
    const void *line_end = memchr(message.data, '\n', message.size);
    size_t length = line_end ? static_cast<const char *>(line_end) - message.data : message.size;
    fprintf(stderr, "barsctl-agent: %.*s\n", static_cast<int>(length), message.data);
    TVMFFIObjectDecRef(error);
}

int answer_calls(int client, const char *folder, int core)
{
    session_folder = folder;
    session_core = core;
    TVMFFIAny socket = {}, result = {};
    socket.type_index = kTVMFFIInt;
    socket.v_int64 = client;
    if (call("rpc.ServerLoop", &socket, 1, &result) == 0)
        return 0;
    print_raised_error();
    return 1;
}

void tell(int client, const char *error)
{
    TVMFFIAny arguments[2] = {{}, as_argument(error)};
    arguments[0].type_index = kTVMFFIInt;
    arguments[0].v_int64 = client;
    TVMFFIAny result = {};
    if (call("rpc.ReturnException", arguments, 2, &result) != 0)
        print_raised_error();
}

} // namespace agent
