/** Compiles the AssemblyScript kernels of src/codec/kernels into dist, one module each. */
