/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For static links only.  Debian's clang asks Polly, a loop optimizer that is
 * off by default, which passes it adds: none, and Polly is left out.
 */
#include <llvm/Passes/PassPlugin.h>

llvm::PassPluginLibraryInfo getPollyPluginInfo();

llvm::PassPluginLibraryInfo getPollyPluginInfo()
{
	return { LLVM_PLUGIN_API_VERSION, "Polly", "none", [](llvm::PassBuilder &) {} };
}
