/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The interfaces' texts, of the *.varlink files beside this, as GetInterfaceDescription has them.
 */

#define INTERFACE_OURS "io.autofdod"
#define INTERFACE_SERVICE "org.varlink.service"

extern const char interface_ours[], interface_service[];
