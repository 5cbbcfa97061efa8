// The addon's entry: what the folder's register function returns is what `require` gives.
#include <napi.h>

Napi::Object REGISTER_TESTS(Napi::Env env);

static Napi::Object initialise(Napi::Env env, Napi::Object) { return REGISTER_TESTS(env); }

NODE_API_MODULE(ADDON_NAME, initialise)
