/* How a function is seen from outside the library. */

#ifndef EXPORTED_H
#define EXPORTED_H

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#endif
