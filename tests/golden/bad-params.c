//! param SIZE
//! param FLAG?
//! param LEVEL?
//! param TWICE
//! param LATE?
#if SIZE > 3
#endif
struct s {
    int a;
#ifdef FLAG
    int b;
#endif
};
#ifdef LATE
int g(void *ctx) { return 0; }
#endif
int f(void *ctx)
{
    int a =
#ifdef FLAG
        1;
#else
        2;
#endif
#ifdef LEVEL
    if (a) {
#endif
    a++;
#ifdef LEVEL
    }
#endif
    return a;
}
#undef TWICE
